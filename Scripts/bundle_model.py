#!/usr/bin/env python3
"""Make a GGUF file a part of the program: Scripts/bundle_model.py FILE.gguf

Writes Sources/BundledModel/Weights.swift, which holds the file's bytes in base 64. State in the commit where the
weights come from.
"""

import base64
import pathlib
import sys

COLUMNS = 4096
TARGET = pathlib.Path(__file__).resolve().parent.parent / "Sources/BundledModel/Weights.swift"


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    try:
        data = pathlib.Path(sys.argv[1]).read_bytes()
    except OSError as error:
        sys.exit(f"bundle_model: cannot read {sys.argv[1]}: {error.strerror}")
    if data[:4] != b"GGUF":
        sys.exit(f"bundle_model: {sys.argv[1]} is no GGUF file; write one with Checkpoint.write(gguf:)")
    text = base64.b64encode(data).decode("ascii")
    lines = [text[start : start + COLUMNS] for start in range(0, len(text), COLUMNS)]
    TARGET.write_text(
        "// swift-format-ignore-file\n"
        "// Written by Scripts/bundle_model.py: never change it by hand.\n\n"
        "/// A GGUF file in base 64, in lines.\n"
        f'let weights: StaticString = """\n' + "\n".join(lines) + '\n"""\n'
    )
    print(f"{TARGET}: {len(data)} bytes of weights")


if __name__ == "__main__":
    main()
