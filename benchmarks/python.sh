#!/usr/bin/env bash
# What a turn costs that Python answers, from a release wheel in an environment of its own.
# Usage: benchmarks/python.sh [CONVERSATIONS [TURNS]]
set -euo pipefail
cd "$(dirname "$0")/.."

venv=target/python-load-venv
python3 -m venv --clear "$venv"
"$venv/bin/pip" install --quiet maturin==1.16.0
"$venv/bin/maturin" build --quiet --release --locked --interpreter "$venv/bin/python" --out target/wheels-release
"$venv/bin/pip" install --quiet --force-reinstall --no-index target/wheels-release/reenact-*.whl
"$venv/bin/python" benchmarks/python_turns.py "$@"
