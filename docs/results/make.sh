#!/usr/bin/env bash
# Makes the numbers and pictures of docs/claims.md: half an hour on two cores, and two hours for SmolLM2.
#
#   docs/results/make.sh FOLDER      the folder for results, which also holds the artifacts
#
# Needs `kvpolicy` on the PATH, the model of Scripts/fetch_model.sh, and Debian's package bible-kjv. A run that is
# stopped goes on when it is started again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?name a folder for the results}
mkdir -p "$folder"
cp "$here"/*.json "$folder"
ln -sfn "$here/../../Models" "$folder/Models"
cd "$folder"

# Measures for BaKlaVa, and heads for DuoAttention and PruLong, from two documents that no cell uses.
for number in 0 1; do kvpolicy document --kind both --tokens 1024 --seed 9 --number "$number"; done >text.txt
kvpolicy calibrate baklava --model bundled --text text.txt --tokens 1024 --out baklava.safetensors
kvpolicy calibrate duoattention --model bundled --text text.txt --tokens 1024 --out duo.safetensors

kvpolicy sweep bundled.json --out bundled.jsonl
kvpolicy report bundled.jsonl --out bundled.html --format csv >bundled.csv
"$here/../../Scripts/claims.py" "$(command -v kvpolicy)" bundled.jsonl >claims.md

# Ten policies make a picture that can be read.
grep -E '"label":"(full|streamingllm|h2o|snapkv|morphkv|kvzip|leverage|lagkv|rkv|kivi 4-bit)"' bundled.jsonl >ten.jsonl
kvpolicy report ten.jsonl --figures figures --format csv >/dev/null

# The H2O of MorphKV's repository: shares of one half, and a window of an eighth.
kvpolicy sweep h2o.json --out h2o.jsonl
kvpolicy report h2o.jsonl --format csv >h2o.csv

kvpolicy sweep needle.json --out needle.jsonl
kvpolicy report needle.jsonl --format csv >needle.csv

# A text of 70,000 words in the public domain, without the numbers of verses.
bible -f 'ge1:1-ex40:38' | sed -E 's/^[^ ]+ //' >text-long.txt
kvpolicy sweep chunked.json --out chunked.jsonl
kvpolicy report chunked.jsonl --format csv >chunked.csv

# The five books of Moses.
bible -f 'ge1:1-de34:12' | sed -E 's/^[^ ]+ //' >text-longer.txt
kvpolicy sweep language.json --out language.jsonl
kvpolicy report language.jsonl --format csv >language.csv
kvpolicy sweep response.json --out response.jsonl
kvpolicy report response.jsonl --format csv >response.csv
