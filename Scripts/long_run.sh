#!/usr/bin/env bash
# Decodes a very long answer and prints speed and memory for every tenth of the answer: neither may drift.
#
#     Scripts/long_run.sh [MODEL [CONFIGURATION [STEPS [THREADS [ROWS]]]]]
#
# By default, the fetched model decodes 100,000 steps under MorphKV: about ten minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

model=${1:-Models/SmolLM2-135M-Instruct.Q4_1.gguf}
default='{"policy": "morphkv", "window": 32, "capacity": 512}'
configuration=${2:-$default}
steps=${3:-100000}
swift build -c release --product ResidentProbe >&2
exec .build/release/ResidentProbe decode "$model" "$configuration" "$steps" "${@:4}"
