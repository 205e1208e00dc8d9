#!/usr/bin/env python3
"""Check that the rooms of Sources/ReferenceModel depend on each other in one direction only.

Kernels know nothing of the other rooms. Weights use kernels. Llama and Tokenizer use both, but not each
other. A file that names a type of another room against these rules is an error.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent / "Sources/ReferenceModel"
# For each room, the other rooms that it may use.
ALLOWED = {
    "Kernels": set(),
    "Weights": {"Kernels"},
    "Llama": {"Kernels", "Weights"},
    "Tokenizer": {"Weights"},
}
TYPE = re.compile(r"^(?!.*\b(?:private|fileprivate)\b).*\b(?:struct|enum|class|protocol|typealias)\s+(\w+)")


def code(path: pathlib.Path) -> str:
    """The file without comments and string literals."""
    text = re.sub(r'"""(?:.|\n)*?"""', '""', path.read_text())
    text = re.sub(r"//.*", "", text)
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', text)


def main() -> None:
    files = {room: sorted((ROOT / room).rglob("*.swift")) for room in ALLOWED}
    home = {}
    for room, paths in files.items():
        for path in paths:
            for line in code(path).splitlines():
                # Only top-level types: their lines are not indented.
                if (found := TYPE.match(line)) and not line.startswith(" "):
                    home[found.group(1)] = room
    errors: list[str] = []
    for room, paths in files.items():
        for path in paths:
            for name in sorted(set(re.findall(r"\b[A-Z]\w+", code(path)))):
                other = home.get(name, room)
                if other != room and other not in ALLOWED[room]:
                    errors.append(f"{path.relative_to(ROOT.parent.parent)}: {name} is in {other}")
    for error in errors:
        print(f"error: {error}")
    if not home or errors:
        sys.exit(f"check_rooms: {len(errors)} uses in the wrong direction, {len(home)} types")
    print(f"{len(home)} types in {len(ALLOWED)} rooms, all used in one direction")


if __name__ == "__main__":
    main()
