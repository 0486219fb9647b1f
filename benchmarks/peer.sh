#!/usr/bin/env bash
# What MLflow's ConversationSimulator takes for the conversations of load.py, against the same model server, and what ours takes.
#
#   peer.sh [CONVERSATIONS]      (200 where nothing is said)
#
# Installs MLflow of the version below into a virtual environment of its own, builds and installs the wheel beside it, starts the tracking
# server, and holds the conversations with each simulator, with its defaults and with as many workers as conversations. Takes some minutes.
# PYTHON names an interpreter that has MLflow and reenact, and LOAD another build of the model server, so that nothing is installed or built.
set -euo pipefail

conversations=${1:-200}
version=3.17.2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

cd "$here/.."
if [ -z "${PYTHON:-}" ]; then
    python3 -m venv "$work/venv"
    PYTHON=$work/venv/bin/python
    "$PYTHON" -m pip install --quiet "mlflow==$version" openai maturin
    "$work/venv/bin/maturin" build --quiet --release --locked --interpreter "$PYTHON" --out "$work/wheels"
    "$PYTHON" -m pip install --quiet --no-index "$work"/wheels/*.whl
fi

if [ -n "${LOAD:-}" ]; then
    "$LOAD" serve 200 >"$work/address" &
else
    cargo bench --quiet --locked --package reenact --bench load -- serve 200 >"$work/address" &
fi
started+=($!)
# A worker takes seconds to load MLflow, more on a busy machine, and one that says nothing for five is killed and started anew, for ever.
"$PYTHON" -m mlflow server --backend-store-uri "sqlite:///$work/mlflow.db" --artifacts-destination "$work/artifacts" --port 5099 \
    --workers 2 --uvicorn-opts "--timeout-worker-healthcheck 120" >"$work/mlflow.log" 2>&1 &
started+=($!)
waited=0
until [ -s "$work/address" ] && python3 -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:5099/health")' 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    [ "$waited" -lt 900 ] || { echo "the servers do not come up:" >&2; tail "$work/mlflow.log" >&2; exit 1; }
done

export MLFLOW_TRACKING_URI=http://127.0.0.1:5099 OPENAI_API_KEY=none OPENAI_API_BASE OPENAI_BASE_URL MLFLOW_DISABLE_TELEMETRY=true
OPENAI_BASE_URL=$(cat "$work/address")/mlflow/v1
OPENAI_API_BASE=$OPENAI_BASE_URL
for simulators in mlflow.genai.simulators reenact.mlflow; do
    echo "defaults: $("$PYTHON" "$here/peer.py" "$(cat "$work/address")" "$conversations" "$simulators" 2>>"$work/said" | tail -1)"
    echo "$conversations workers: $(MLFLOW_GENAI_SIMULATOR_MAX_WORKERS=$conversations "$PYTHON" "$here/peer.py" "$(cat "$work/address")" "$conversations" "$simulators" 2>>"$work/said" | tail -1)"
done
