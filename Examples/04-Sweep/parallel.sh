#!/usr/bin/env bash
# Shares a plan between processes with GNU parallel, here or on other machines, and joins the results.
#
#     Examples/04-Sweep/parallel.sh PLAN RESULTS [SHARDS] [OPTIONS OF parallel...]
#
# RESULTS is a folder. Run the same command again after a failure: finished cells are not repeated. For other
# machines with a common file system add --sshlogin HOST,HOST and --wd . to the options. KVPOLICY names the program.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }

plan=$1 results=$2 shards=${3:-$(nproc)}
shift $(($# < 3 ? $# : 3))
tool=${KVPOLICY:-kvpolicy}
mkdir -p "$results"
seq "$shards" | parallel --jobs "$shards" "$@" \
  "$tool" sweep "$plan" --shard "{}/$shards" --out "$results/{}.jsonl" --jobs 1
"$tool" merge "$results"/*.jsonl --out "$results.jsonl" --csv "$results.csv"
