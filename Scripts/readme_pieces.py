#!/usr/bin/env python3
"""Extracts the runnable parts of README.md, exactly as they are written there.

    Scripts/readme_pieces.py commands     every command, one per line, in order
    Scripts/readme_pieces.py package FOLDER ADDRESS
                                          a package of its snippets in FOLDER that depends on
                                          the repository at ADDRESS
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PLACEHOLDER = "https://HOST/OWNER/KVPolicyKit"
# Code in a sentence that is a command with arguments; a program's bare name does not count.
COMMAND = re.compile(r"(swift|kvpolicy|Scripts/\S+)(?: .+|(?<=\.sh))")


def blocks(text, language):
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(text):
    """The lines of the shell blocks, and the commands within sentences, in order."""
    parts = re.split(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    found = []
    for prose, language, block in zip(parts[::3], parts[1::3] + [""], parts[2::3] + [""]):
        found += [code for code in re.findall(r"`([^`\n]+)`", prose) if COMMAND.fullmatch(code)]
        if language == "sh":
            found += [line for line in block.splitlines() if line.strip()]
    if not found:
        sys.exit("readme: error: README.md has no command")
    return found


def one(kind, found):
    if len(found) != 1:
        sys.exit(f"readme: error: README.md must have one {kind} in Swift, and has {len(found)}")
    return found[0]


def package(text, folder, address):
    """Writes the manifest and the program."""
    swift = blocks(text, "swift")
    manifest = one("part of a manifest", [block for block in swift if ".package(" in block])
    program = one("program", [block for block in swift if block.startswith("import ")])
    if PLACEHOLDER not in manifest:
        sys.exit(f"readme: error: the manifest does not name {PLACEHOLDER}")
    name = one("executable target", re.findall(r'executableTarget\(\s*name: "(\w+)"', manifest))
    sources = pathlib.Path(folder) / "Sources" / name
    sources.mkdir(parents=True)
    (sources / "main.swift").write_text(program)
    (pathlib.Path(folder) / "Package.swift").write_text(
        "// swift-tools-version: 6.3\nimport PackageDescription\n\n"
        f'let package = Package(\nname: "{name}",\n{manifest.replace(PLACEHOLDER, address)})\n')
    print(name)


if __name__ == "__main__":
    readme = README.read_text(encoding="utf-8")
    if sys.argv[1:] == ["commands"]:
        print("\n".join(commands(readme)))
    elif sys.argv[1:2] == ["package"] and len(sys.argv) == 4:
        package(readme, *sys.argv[2:])
    else:
        sys.exit(__doc__)
