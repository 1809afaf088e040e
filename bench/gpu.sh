#!/usr/bin/env bash
# Training on one GPU beside TRL: an 8-billion Llama with random weights, LoRA of rank 16 on all linear
# modules, full sequences of 4,096 tokens and short chats. Ends within nine minutes, with a table.
#
#   bash bench/gpu.sh                     # on a machine with an H100 or H200
#   bash bench/gpu.sh --dry-run           # a tiny shape on the CPU: shows that the script works
#
# PYTHON names the interpreter that has torch. On a machine without network, WHEELS names a folder of
# wheels for whatever it lacks (transformers, peft, trl 1.16, datasets, and this project's own needs;
# `bench/gpu.py --needs` lists them): they are installed for this run alone. OUT is where gpu.json goes.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
export OUT=${OUT:-bench/results}
SITE=""
if [[ -n "${WHEELS:-}" ]]; then
  SITE=$(mktemp -d)
  trap 'rm -rf "$SITE"' EXIT
  "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade \
    --target "$SITE" "$WHEELS"/*.whl
fi
export PYTHONPATH="$PWD/src:$SITE${PYTHONPATH:+:$PYTHONPATH}"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
"$PYTHON" bench/gpu.py "$@"
