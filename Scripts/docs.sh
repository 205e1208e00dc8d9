#!/usr/bin/env bash
# Builds the documentation of every library into .build/docs, with warnings and dead links as errors.
#
#     Scripts/docs.sh [MODULE...] [-- FLAGS FOR swift build]
#
# Open it with any web server: python3 -m http.server --directory .build/docs
# With modules named, only these modules are rebuilt, and links between modules are not checked.
set -euo pipefail
cd "$(dirname "$0")/.."

modules=() flags=() failed=()
while [ $# -gt 0 ]; do
  if [ "$1" = -- ]; then shift; flags=("$@"); break; fi
  modules+=("$1"); shift
done
all=(
  KVPolicyKit Policies ReferenceModel BundledModel Training MiniTasks LongTasks Evaluation KVPolicyCommand
  KVPolicyTesting
)
named=${#modules[@]}
[ "$named" -gt 0 ] || modules=("${all[@]}")

tools=$(dirname "$(readlink -f "$(command -v swift)")")
build=$(swift build --show-bin-path)
target=$(swift -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["unversionedTriple"])')
output=.build/docs

for module in "${modules[@]}"; do
  # `--target` builds only what the module needs. After a build with these flags, it is a no-op.
  swift build --target "$module" ${flags[@]+"${flags[@]}"} >/dev/null
  graphs=.build/symbols/$module
  rm -rf "$graphs" "$output/$module"
  mkdir -p "$graphs" "$output"
  "$tools/swift-symbolgraph-extract" -module-name "$module" -target "$target" -I "$build/Modules" \
    -minimum-access-level public -skip-inherited-docs -skip-synthesized-members -output-dir "$graphs"
  catalog=$graphs/$module.docc
  Scripts/docs_site.py catalog "$catalog" "$module" "${all[@]}"
  if "$tools/docc" convert "$catalog" --additional-symbol-graph-dir "$graphs" \
    --fallback-display-name "$module" --fallback-bundle-identifier "$module" \
    --transform-for-static-hosting --hosting-base-path "$module" --warnings-as-errors \
    --output-path "$output/$module" >"$graphs/log"
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
if [ "$named" -eq 0 ]; then
  Scripts/docs_site.py index "$output" "${all[@]}"
  Scripts/docs_site.py check "$output" "${all[@]}"
  echo "$output/index.html"
fi
