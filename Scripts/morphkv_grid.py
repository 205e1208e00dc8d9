#!/usr/bin/env python3
"""How MorphKV's defaults were chosen: a grid over its settings, with H2O's split on equal documents and text.

usage: Scripts/morphkv_grid.py KVPOLICY [--seed N] [--documents N] [--tokens N] [--model FILE --text FILE]

Prints two Markdown tables of right answers in percent (`kvpolicy tasks`, the bundled model), and with a model and
a text two tables of the divergence from full attention (`kvpolicy compare`, 2,048 prompt and 768 forced tokens).
The documents come from a seed that no reported table uses.
"""
import argparse
import json
import os
import subprocess
import tempfile

WINDOWS, VOTERS, BUDGETS = [16, 32, 64, 128], [128, 256, 512, 1024], [256, 512, 1024]


def morphkv(capacity, window, voters, block=32, fusion="max"):
    return {"policy": "morphkv", "capacity": capacity, "window": window, "voters": voters, "block": block,
            "fusion": fusion}


def entries(capacity):
    """Labelled configurations of a capacity: MorphKV's and H2O's."""
    settings = [(w, v, 32, "max") for w in WINDOWS for v in VOTERS]
    settings += [(capacity // 8, 512, block, "max") for block in (1, 8, 16, 64, 128)]
    settings += [(capacity // 8, 512, 32, "sum"), (capacity // 8, 512, 32, "max")]
    found = {"W %d, V %d, blocks of %d, %s" % s: morphkv(capacity, *s) for s in settings if s[0] < capacity}
    for recent in (16, 32, 64, 128, capacity // 2):
        found["H2O, recent %d" % recent] = {"policy": "h2o", "heavy": capacity - recent, "recent": recent}
    found["StreamingLLM"] = {"policy": "streamingllm", "recent": capacity - 4}
    found["TOVA"] = {"policy": "tova", "capacity": capacity}
    return found


def run(command, configurations, report):
    """Runs a command with each configuration as a file; returns the measurements in its JSON by label."""
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for number, (label, configuration) in enumerate(configurations.items()):
            path = os.path.join(folder, "c%d.json" % number)
            with open(path, "w") as file:
                json.dump(configuration, file)
            names["c%d" % number] = label
            command = command + ["--config", path]
        out = os.path.join(folder, "out.json")
        subprocess.run(command + ["--json", out], check=True, stdout=subprocess.DEVNULL)
        with open(out) as file:
            return {names[m["label"]]: report(m) for m in json.load(file)["policies"] if m["label"] in names}


def all_checks(measurement):
    kinds = measurement["kinds"].values()
    return 100 * sum(kind["hits"] for kind in kinds) / sum(kind["checks"] for kind in kinds)


def table(columns, rows, form):
    lines = ["| settings | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    labels = dict.fromkeys(label for row in rows for label in row)
    for label in labels:
        cells = [form % row[label] if label in row else "–" for row in rows]
        lines.append("| %s | %s |" % (label, " | ".join(cells)))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kvpolicy")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--documents", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--model")
    parser.add_argument("--text")
    a = parser.parse_args()
    tasks = [a.kvpolicy, "tasks", "--no-html", "--policies", "full", "--seed", str(a.seed), "--documents",
             str(a.documents), "--tokens", str(a.tokens)]
    rows = [run(tasks, relative(entries(budget), budget), all_checks) for budget in BUDGETS]
    print(table(["%d rows" % budget for budget in BUDGETS], rows, "%.1f"), flush=True)
    if a.model and a.text:
        compare = [a.kvpolicy, "compare", "--model", a.model, "--text", a.text, "--prompt-tokens", "2048",
                   "--decode-tokens", "768", "--policies", "full", "--budget", "512"]
        row = run(compare, relative(entries(512), 512), lambda m: m["meanDivergence"])
        print(table(["KL at 512 rows"], [row], "%.4f"))


def relative(configurations, capacity):
    """Labels that name numbers by their share of the capacity, so that the columns of a table match."""
    names = {"W %d," % (capacity // 8): "W 1/8,", "recent %d" % (capacity // 2): "recent 1/2"}
    result = {}
    for label, configuration in configurations.items():
        result[label] = configuration
        for number, share in names.items():
            if number in label:
                result[label.replace(number, share)] = configuration
    return result


if __name__ == "__main__":
    main()
