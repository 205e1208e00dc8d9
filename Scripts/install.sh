#!/usr/bin/env bash
# Builds the command line and installs it: the program kvpolicy, and nothing else.
#
#     [PREFIX=FOLDER] Scripts/install.sh
#
# The program goes to $PREFIX/bin, by default ~/.local/bin. It uses the Swift runtime of the toolchain that built it.
set -euo pipefail

fail() { echo "install: error: $1" >&2; exit "${2:-1}"; }

if [ $# -gt 0 ]; then
  case $1 in
    -h | --help) sed -n '2,/^set/s/^#[[:space:]]\{0,1\}//p' "$0"; exit 0 ;;
    *) fail "'$1' is not understood: there are no arguments; name a folder by PREFIX=FOLDER $0" 2 ;;
  esac
fi
prefix=${PREFIX-${HOME:+$HOME/.local}}
[ -n "$prefix" ] || fail "PREFIX is empty; name a folder, or leave it out and set HOME" 2
# A relative PREFIX is relative to the caller's folder.
mkdir -p "$prefix/bin" || fail "'$prefix/bin' cannot be made; name another folder by PREFIX=FOLDER $0"
folder=$(cd "$prefix/bin" && pwd)
[ ! -d "$folder/kvpolicy" ] || fail "'$folder/kvpolicy' is a folder; move it away"

cd "$(dirname "$0")/.."
swift build -c release --product kvpolicy
built=$(swift build -c release --show-bin-path)/kvpolicy

# A tested copy is renamed in one step, so callers get either the old or the new program, never a part.
new=$(mktemp "$folder/.kvpolicy.XXXXXX") || fail "'$folder' cannot be written to; name another by PREFIX=FOLDER $0"
trap 'rm -f "$new"' EXIT
cp "$built" "$new"
chmod 755 "$new"
version=$("$new" --version)
mv -f "$new" "$folder/kvpolicy"

echo "installed $version: $folder/kvpolicy"
case ":$PATH:" in
  *":$folder:"*) ;;
  *) echo "$folder is not on the PATH; add it: export PATH=\"$folder:\$PATH\"" ;;
esac
