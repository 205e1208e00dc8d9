#!/usr/bin/env python3
"""Writes the generated parts of the page about how the policies are related.

    Scripts/family_tree.py KVPOLICY                 renew the page; times stay as they are
    Scripts/family_tree.py KVPOLICY --times FILE    also take times from a 'bench --json' file
    Scripts/family_tree.py KVPOLICY --check         say whether the page is as it would be written

KVPOLICY is the program. Parts, signals and bytes are what it says of its policies
('policies --json'); lines are counted in Sources/Policies.
"""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ROOT / "Sources/Policies"
PAGE = SOURCES / "Policies.docc/FamilyTree.md"
PARTS = ("score", "budget", "unit")
CHANGED = PARTS + ("refine",)
# Settings that say how much is kept, or repeat a part.
AMOUNTS = {"capacity", *CHANGED}


def code_lines(path):
    """Lines of a file without blank lines, comments and imports."""
    lines = (line.strip() for line in path.read_text().splitlines())
    skipped = re.compile(r"//|((public|package|internal) )?import ")
    return sum(bool(line) and not skipped.match(line) for line in lines)


def line_counts():
    """Lines of code by the name that a file, or the folder of a large policy, gives a policy."""
    counts = {}
    for path in sorted(SOURCES.rglob("*.swift")):
        for name in re.findall(r'static let name = "(\w+)"', path.read_text()):
            files = [path] if path.parent == SOURCES else path.parent.glob("*.swift")
            counts[name] = sum(code_lines(file) for file in files)
    return counts


def describe(page, pages):
    """How a composition differs from the first policy with its score; None if it is none."""
    parts = page["declares"]["parts"]
    if parts is None or page["name"] == "composed":
        return None
    relatives = [other for other in pages
                 if (other["declares"]["parts"] or {}).get("score") == parts["score"]]
    base = relatives[0]
    if base is page:
        return f"`{page['name']}` is `composed` with the score `{parts['score']}`"
    changes = [f"the {kind} `{parts[kind]}`" for kind in CHANGED
               if parts[kind] != base["declares"]["parts"][kind]]
    old, new = ({setting["name"]: setting["default"] for setting in each["settings"]}
                for each in (base, page))
    changes += [f"`{name}` {json.dumps(new[name])} for {json.dumps(old[name])}"
                for name in new if name in old and name.split(".")[0] not in AMOUNTS
                and new[name] != old[name]]
    return f"`{page['name']}` is `{base['name']}` with " + ", ".join(changes or ["other settings"])


def made_of(page):
    parts = page["declares"]["parts"]
    return " · ".join(f"`{parts[kind]}`" for kind in PARTS) if parts else "its own rule"


def table(pages, times):
    counts = line_counts()
    rows = ["| Policy | Score · budget · unit | Signals | Lines | Bytes a row | µs a step |",
            "| --- | --- | --- | --- | --- | --- |"]
    for page in pages:
        name, declares = page["name"], page["declares"]
        signals = ", ".join(f"`{signal}`" for signal in declares["signals"]) or "none"
        rows.append(f"| `{name}` | {made_of(page)} | {signals} | {counts[name]} "
                    f"| {declares['columnBytes']} | {times.get(name, '–')} |")
    return rows, statistics.median(counts[page["name"]] for page in pages)


def written_times(text):
    return {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \|.*\| (\S+) \|$", text, re.M)}


def measured_times(path):
    """Microseconds of hooks and plans per decode step, by policy."""
    rows = json.loads(pathlib.Path(path).read_text())["rows"]
    return {row["label"]: f"{1e6 * sum(row['hookSeconds'].values()):.1f}"
            for row in rows if row["work"] == "decode"}


def put(text, mark, lines):
    """The text with these lines between the two comments of a mark."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
    if begin not in text or end not in text:
        sys.exit(f"family tree: error: the page has no mark '{mark}'")
    head, rest = text.split(begin, 1)
    return head + begin + "\n".join(["", *lines, "", ""]) + end + rest.split(end, 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kvpolicy")
    parser.add_argument("--times", metavar="FILE")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    listed = subprocess.run([options.kvpolicy, "policies", "--json"], capture_output=True, check=True)
    pages = json.loads(listed.stdout)["policies"]
    text = PAGE.read_text()
    times = measured_times(options.times) if options.times else written_times(text)
    rows, median = table(pages, times)
    relations = [line for page in pages if (line := describe(page, pages))]
    new = put(text, "relations", [f"- {line}." for line in relations])
    new = put(new, "table", rows + ["", f"The median is {median:g} lines of code."])
    if options.check and new != text:
        sys.exit("family tree: error: the page is not up to date; run Scripts/family_tree.py KVPOLICY")
    if not options.check:
        PAGE.write_text(new)
    print(f"family tree: {len(pages)} policies, {len(relations)} of them compositions, "
          f"median {median:g} lines")


main()
