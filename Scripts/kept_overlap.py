#!/usr/bin/env python3
"""Overlap of the rows that two configurations keep: the Jaccard index of the kept sets, averaged over lanes.

usage: Scripts/kept_overlap.py KVPOLICY --model FILE --text FILE ONE.json OTHER.json [--prompt-tokens N] [--steps N]

Both configurations read one text, with forced tokens (`kvpolicy trace`). Prints the overlap when the prompt has ended
and after the last step.
"""
import argparse
import json
import os
import subprocess
import tempfile


def kept(a, configuration, tokens, folder):
    out = os.path.join(folder, "out.json")
    subprocess.run([a.kvpolicy, "trace", "--model", a.model, "--tokens", tokens, "--prompt-length",
                    str(a.prompt_tokens), "--config", configuration, "--json", out], check=True,
                   stdout=subprocess.DEVNULL)
    with open(out) as file:
        return json.load(file)["kept"]


def overlap(one, other):
    lanes = [(set(x), set(y)) for a, b in zip(one, other) for x, y in zip(a, b)]
    return sum(len(x & y) / len(x | y) for x, y in lanes) / len(lanes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kvpolicy")
    parser.add_argument("configurations", nargs=2)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--prompt-tokens", type=int, default=640)
    parser.add_argument("--steps", type=int, default=384)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tokens = os.path.join(folder, "tokens.json")
        with open(a.text) as file:
            line = json.dumps(file.read()) + "\n"
        found = subprocess.run([a.kvpolicy, "tokenize", "--model", a.model], input=line, check=True,
                               capture_output=True, text=True).stdout
        with open(tokens, "w") as file:
            json.dump(json.loads(found)[:a.prompt_tokens + a.steps], file)
        one, other = (kept(a, path, tokens, folder) for path in a.configurations)
    for step in (0, a.steps):
        print("step %d: %.3f" % (step, overlap(one[str(step)], other[str(step)])))


if __name__ == "__main__":
    main()
