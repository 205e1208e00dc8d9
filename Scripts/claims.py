#!/usr/bin/env python3
"""Does the order of policies that papers report hold in these results? Markdown on standard output.

    claims.py KVPOLICY RESULTS.jsonl...

The first table has the mean score of each policy and budget on each task. The second has a line for each claim: a
policy and the policy that its paper puts below it. Documents are compared one by one at equal budgets (`kvpolicy report
--against`), and a line counts the cells, a task with a budget, in which the policy is ahead, in which it is behind, and
in which the 95 % interval of the difference holds 0.
"""
import collections, csv, io, subprocess, sys

# The policy, and the policy that its paper puts below it.
CLAIMS = [
    ("h2o", "streamingllm"), ("tova", "h2o"), ("sagekv", "streamingllm"), ("morphkv", "h2o"), ("morphkv", "snapkv"),
    ("pyramidkv", "snapkv"), ("adakv", "snapkv"), ("chunkkv", "snapkv"), ("criticalkv", "snapkv"), ("cur", "snapkv"),
    ("lagkv", "snapkv"), ("expectedattention", "snapkv"), ("kvzip", "snapkv"), ("keydiff", "tova"), ("rkv", "snapkv"),
    ("clusterkv", "quest"), ("retroattention", "quest"), ("refreshkv", "snapkv"),
]


def report(tool, paths, *options):
    """The lines of a report as dictionaries."""
    command = [tool, "report", *paths, "--format", "csv", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("claims: " + done.stderr.strip())
    return list(csv.DictReader(io.StringIO(done.stdout)))


def scores(lines):
    """The table of means: a line for each policy, `task / task` in a column for each budget."""
    tasks = list(dict.fromkeys(line["task"] for line in lines))
    budgets = list(dict.fromkeys(line["budget"] for line in lines if line["budget"])) or [""]
    cells = collections.defaultdict(dict)
    for line in lines:
        cells[line["policy"], line["budget"]][line["task"]] = line

    def text(policy, budget):
        cell = cells.get((policy, budget))
        return " / ".join(f"{100 * float(cell[task]['quality']):.0f}" for task in tasks) if cell else "–"

    print(f"Percent: {' / '.join(tasks)}.\n")
    print(f"| policy | {' | '.join(budgets)} | no budget |\n| --- |{' ---: |' * (len(budgets) + 1)}")
    for policy in dict.fromkeys(line["policy"] for line in lines):
        print(f"| {policy} | {' | '.join(text(policy, budget) for budget in budgets + [''])} |")


def claims(tool, paths, known):
    """The table of claims."""
    print("\n| policy | put above | ahead | within | behind | differences, points |\n| --- | --- | ---: | ---: | ---: | --- |")
    for policy, other in CLAIMS:
        if policy not in known or other not in known:
            continue
        lines = [
            line for line in report(tool, paths, "--against", other)
            if line["policy"] == policy and line["difference"] and line["better"] == "more"]
        within = sum(line["withinInterval"] == "true" for line in lines)
        ahead = sum(line["withinInterval"] == "false" and float(line["difference"]) > 0 for line in lines)
        sizes = [100 * float(line["difference"]) for line in lines]
        if sizes:
            print(f"| {policy} | {other} | {ahead} | {within} | {len(lines) - within - ahead} "
                  f"| {min(sizes):+.0f} to {max(sizes):+.0f} |")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    tool, paths = sys.argv[1], sys.argv[2:]
    lines = report(tool, paths)
    scores(lines)
    claims(tool, paths, {line["policy"] for line in lines})


main()
