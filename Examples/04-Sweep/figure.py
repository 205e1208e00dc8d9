#!/usr/bin/env python3
"""Draws right answers against bytes, from the CSV of `kvpolicy merge --csv`.

usage: figure.py results.csv figure.png     (needs pandas and matplotlib)
"""
# %% Read: a line for each document
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

source, target = sys.argv[1:] if len(sys.argv) == 3 else sys.exit(__doc__)
documents = pd.read_csv(source)

# %% Pair each document with the same document under full attention
documents["share"] = documents["allSum"] / documents["allCount"]
sample = ["model", "task", "length", "seed", "document"]
full = documents[documents["policy"] == "full"].set_index(sample)["share"].rename("full")
paired = documents.join(full, on=sample)
paired["loss"] = paired["full"] - paired["share"]

# %% Mean and 95 % interval over documents and seeds (Student's t, as in the report)
groups = paired.groupby(["task", "policy", "budgetBytes"])
table = groups.agg(loss=("loss", "mean"), error=("loss", "sem"), count=("loss", "size"),
                   bytes=("residentBytes", "mean")).reset_index()
# The 97.5 % quantile of Student's t, by the first terms of its expansion.
degrees = table["count"] - 1
table["margin"] = table["error"] * (1.96 + 2.372 / degrees + 2.823 / degrees**2)
print(table.to_string(index=False, float_format="%.3f"))

# %% Draw
tasks = sorted(table["task"].unique())
figure, axes = plt.subplots(1, len(tasks), figsize=(5 * len(tasks), 4), sharey=True, squeeze=False)
for axis, task in zip(axes[0], tasks):
    for policy, line in table[table["task"] == task].groupby("policy"):
        line = line.sort_values("bytes")
        axis.errorbar(line["bytes"] / 1024, 100 * line["loss"], 100 * line["margin"], marker="o", capsize=3,
                      label=policy)
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter("{x:.0f}")
    axis.set_title(task)
    axis.set_xlabel("resident KiB of a sequence")
axes[0][0].set_ylabel("right answers lost against full attention, points")
axes[0][-1].legend(frameon=False)
figure.tight_layout()
figure.savefig(target, dpi=150)
