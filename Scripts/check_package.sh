#!/usr/bin/env bash
# Builds and runs a package that depends on this one, as README.md describes.
#
#     Scripts/check_package.sh
#
# Clones the last commit to a temporary folder and tags the clone as version 0.1.0. The manifest and the program
# come from README.md; only the address is replaced by the clone's.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone --quiet --no-local . "$folder/KVPolicyKit"
git -C "$folder/KVPolicyKit" tag --force 0.1.0 >/dev/null
name=$("$folder/KVPolicyKit/Scripts/readme_pieces.py" package "$folder/package" "file://$folder/KVPolicyKit")
cat "$folder/package/Package.swift"

# SwiftPM's caches stay inside the folder, so that an earlier clone's version is never used.
swift run -c release --package-path "$folder/package" --cache-path "$folder/cache" \
  --security-path "$folder/security" --config-path "$folder/configuration" "$name" | tee "$folder/output.txt"
grep -q "^layer 0 head 0 |" "$folder/output.txt" || { echo "error: no picture was printed" >&2; exit 1; }
