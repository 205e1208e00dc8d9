#!/usr/bin/env python3
"""Bootstrap intervals for a report of `kvpolicy tasks --json`: 10,000 draws of documents with replacement.

usage: Scripts/task_intervals.py REPORT.json [BASE]

Prints each measurement's right answers in percent with the middle 95% of the draws, and its lead over BASE (a
policy's label; by default h2o) at equal budget, paired by document, with the middle 95% of the draws.
"""
import json
import random
import sys


def counts(measurement):
    """Hits and checks of every document."""
    return [tuple(sum(kind[name] for kind in document["kinds"].values()) for name in ("hits", "checks"))
            for document in measurement["documents"]]


def share(documents):
    return 100 * sum(hits for hits, _ in documents) / sum(checks for _, checks in documents)


def interval(value, count):
    """The value over all documents, and the middle 95% of the draws."""
    draw = random.Random(1)
    values = sorted(value([draw.randrange(count) for _ in range(count)]) for _ in range(10_000))
    return value(range(count)), values[250], values[9749]


def budget(measurement):
    """The budget as it was given: rows per lane, bytes per sequence, or none."""
    given = measurement.get("budgetBytes")
    return measurement.get("budget", "–") if given is None else "%d bytes" % given


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        policies = json.load(file)["policies"]
    base = sys.argv[2] if len(sys.argv) == 3 else "h2o"
    print("| policy | budget | right answers | ahead of %s |\n|---|---:|---:|---:|" % base)
    for measurement in policies:
        own = counts(measurement)
        found = [interval(lambda draw: share([own[i] for i in draw]), len(own))]
        other = next((counts(m) for m in policies
                      if m["label"] == base and budget(m) == budget(measurement)), None)
        if other and measurement["label"] != base:
            found.append(interval(lambda draw: share([own[i] for i in draw]) - share([other[i] for i in draw]),
                                  len(own)))
        cells = ["%.1f (%.1f to %.1f)" % values for values in found] + [""]
        print("| %s | %s | %s | %s |" % (measurement["label"], budget(measurement), cells[0], cells[1]))


if __name__ == "__main__":
    main()
