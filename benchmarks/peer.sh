#!/usr/bin/env bash
# What MLflow's ConversationSimulator takes for the conversations of load.py, against the same model server.
#
#   peer.sh [CONVERSATIONS]      (200 where nothing is said)
#
# Installs MLflow of the version below into a virtual environment of its own, starts its tracking server, and holds the
# conversations with the simulator's defaults. Takes some minutes.
set -euo pipefail

conversations=${1:-200}
version=3.17.2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "mlflow==$version" openai

cd "$here/.."
cargo bench --quiet --locked --package reenact --bench load -- serve 200 >"$work/address" &
started+=($!)
# A worker takes seconds to load MLflow, more on a busy machine, and one that says nothing for five is killed and started anew, for ever.
"$work/venv/bin/mlflow" server --backend-store-uri "sqlite:///$work/mlflow.db" --artifacts-destination "$work/artifacts" --port 5099 \
    --workers 2 --uvicorn-opts "--timeout-worker-healthcheck 120" >"$work/mlflow.log" 2>&1 &
started+=($!)
waited=0
until [ -s "$work/address" ] && python3 -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:5099/health")' 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    [ "$waited" -lt 900 ] || { echo "the servers do not come up:" >&2; tail "$work/mlflow.log" >&2; exit 1; }
done

export MLFLOW_TRACKING_URI=http://127.0.0.1:5099 OPENAI_API_KEY=none OPENAI_API_BASE OPENAI_BASE_URL
OPENAI_BASE_URL=$(cat "$work/address")/mlflow/v1
OPENAI_API_BASE=$OPENAI_BASE_URL
"$work/venv/bin/python" "$here/peer.py" "$(cat "$work/address")" "$conversations" mlflow.genai.simulators
