#!/usr/bin/env bash
# What MLflow's ConversationSimulator takes for the conversations of load.py, against the same model server, and what ours and `reenact run` take.
#
#   peer.sh [CONVERSATIONS]      (200 where nothing is said)
#
# Installs MLflow of the version below into a virtual environment of its own, builds and installs the wheel beside it, starts the tracking
# server, and holds the conversations with each simulator, alone and under `evaluate`, with its defaults and with as many workers as
# conversations; after each it says what the server took of the CPU. Takes a quarter of an hour.
# PYTHON names an interpreter that has MLflow and reenact, LOAD another build of the model server, and REENACT one of the command, so that
# nothing is installed or built.
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
tracking=${started[-1]}

# CPU seconds of the tracking server and its workers.
served() {
    python3 -c 'import os, sys
ticks = {}
for process in filter(str.isdigit, os.listdir("/proc")):
    try:
        fields = open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()
    except OSError:
        continue
    ticks[process] = fields[1], sum(map(int, fields[11:15]))
def of(process):
    return ticks[process][1] + sum(of(child) for child, (parent, _) in ticks.items() if parent == process)
print(of(sys.argv[1]) / os.sysconf("SC_CLK_TCK"))' "$tracking"
}

# What a command says of itself in its last lines, and what the server did for it.
told() {
    local before said
    before=$(served)
    said=$("$@" 2>>"$work/said" | grep 'reenact\|simulators') || { tail "$work/said" >&2; exit 1; }
    echo "$said; the server $(served | awk -v before="$before" '{ printf "%.1f", $1 - before }') s of CPU"
}

# The server's workers are ready once they have served.
told "$PYTHON" "$here/peer.py" "$(cat "$work/address")" 2 reenact.mlflow simulate >/dev/null
for way in simulate evaluate; do
    for simulators in mlflow.genai.simulators reenact.mlflow; do
        echo "defaults: $(told "$PYTHON" "$here/peer.py" "$(cat "$work/address")" "$conversations" "$simulators" "$way")"
        echo "$conversations workers: $(MLFLOW_GENAI_SIMULATOR_MAX_WORKERS=$conversations \
            told "$PYTHON" "$here/peer.py" "$(cat "$work/address")" "$conversations" "$simulators" "$way")"
    done
done
told "$PYTHON" "$here/run_mlflow.py" "$(cat "$work/address")" "$conversations" "${REENACT:-$(dirname "$PYTHON")/reenact}" "$MLFLOW_TRACKING_URI"
