#!/usr/bin/env bash
# Builds the documentation of every library into .build/docs, with warnings as errors.
#
#     Scripts/docs.sh [MODULE...] [-- FLAGS FOR swift build]
#
# Open it with any web server: python3 -m http.server --directory .build/docs/KVPolicyKit
set -euo pipefail
cd "$(dirname "$0")/.."

modules=() flags=() failed=()
while [ $# -gt 0 ]; do
  if [ "$1" = -- ]; then shift; flags=("$@"); break; fi
  modules+=("$1"); shift
done
[ ${#modules[@]} -gt 0 ] || modules=(KVPolicyKit Policies ReferenceModel BundledModel Training MiniTasks Evaluation KVPolicyCommand KVPolicyTesting)

tools=$(dirname "$(readlink -f "$(command -v swift)")")
build=$(swift build --show-bin-path)
target=$(swift -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["unversionedTriple"])')
output=.build/docs

for module in "${modules[@]}"; do
  # `--target` keeps the build to what the module needs; built before with the same flags, it is a no-op.
  swift build --target "$module" ${flags[@]+"${flags[@]}"} >/dev/null
  graphs=.build/symbols/$module
  rm -rf "$graphs" "$output/$module"
  mkdir -p "$graphs" "$output"
  "$tools/swift-symbolgraph-extract" -module-name "$module" -target "$target" -I "$build/Modules" \
    -minimum-access-level public -skip-inherited-docs -skip-synthesized-members -output-dir "$graphs"
  catalog=Sources/$module/$module.docc
  [ -d "$catalog" ] || catalog=
  if "$tools/docc" convert ${catalog:+"$catalog"} --additional-symbol-graph-dir "$graphs" \
    --fallback-display-name "$module" --fallback-bundle-identifier "$module" \
    --transform-for-static-hosting --warnings-as-errors --output-path "$output/$module" >"$graphs/log"
  then
    echo "$output/$module/documentation/$(echo "$module" | tr '[:upper:]' '[:lower:]')/index.html"
  else
    cat "$graphs/log" && failed+=("$module")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "docs: error: warnings in ${failed[*]}" >&2
  exit 1
fi
