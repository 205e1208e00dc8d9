#!/usr/bin/env bash
# Builds another package on this one, as README.md says how, and runs it.
#
#     Scripts/check_package.sh
#
# What was committed last is cloned to a temporary folder and tagged as version 0.1.0 there. Manifest and program
# are those of README.md; only the address is the clone's.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone --quiet --no-local . "$folder/KVPolicyKit"
git -C "$folder/KVPolicyKit" tag --force 0.1.0 >/dev/null
name=$("$folder/KVPolicyKit/Scripts/readme_pieces.py" package "$folder/package" "file://$folder/KVPolicyKit")
cat "$folder/package/Package.swift"

# Nothing outside the folder is read or written: a version of an earlier clone must not be taken for this one.
swift run -c release --package-path "$folder/package" --cache-path "$folder/cache" \
  --security-path "$folder/security" --config-path "$folder/configuration" "$name" | tee "$folder/output.txt"
grep -q "^layer 0 head 0 |" "$folder/output.txt" || { echo "error: no picture was printed" >&2; exit 1; }
