#!/usr/bin/env python3
"""Fills an experiment of an MLflow server with sessions, over OTLP, as an agent with one call of a model a turn logs them.

    mlflow_sessions.py ADDRESS EXPERIMENT SESSIONS TURNS

Standard library only. Each turn is a trace of two spans that holds the history, so that the bytes of a session grow with the square of its turns.
"""
import json
import sys
import urllib.request

TRACES_AT_ONCE = 100
SECOND = 1_000_000_000
BEGAN = 1_760_000_000 * SECOND

address, experiment, sessions, turns = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def post(path, body, headers={}):
    request = urllib.request.Request(address + path, json.dumps(body).encode(), {"content-type": "application/json", **headers})
    return json.loads(urllib.request.urlopen(request).read() or b"{}")


def trace(session, turn):
    words = "about the parcel that was to come on Monday and has not been seen since " * 4
    history = []
    for n in range(turn):
        history += [{"role": "user", "content": f"question {n} of {session}: {words}"}, {"role": "assistant", "content": f"answer {n}: {words}"}]
    history.append({"role": "user", "content": f"question {turn} of {session}: {words}"})
    answer = f"answer {turn}: {words}"
    began = BEGAN + session * 60 * SECOND + turn * 5 * SECOND
    ids = f"{session:016x}{turn + 1:016x}"

    def span(number, parent, name, kind, outputs):
        told = {
            "mlflow.spanType": json.dumps(kind), "mlflow.spanInputs": json.dumps({"messages": history}),
            "mlflow.spanOutputs": json.dumps(outputs), "session.id": f"session-{session}", "user.id": f"user-{session % 50}",
        }
        return {
            "traceId": ids, "spanId": f"{number:016x}", "parentSpanId": parent, "name": name, "kind": 1,
            "startTimeUnixNano": str(began + number), "endTimeUnixNano": str(began + SECOND - number),
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in told.items()],
        }

    return [
        span(1, "", "agent", "AGENT", answer),
        span(2, f"{1:016x}", "llm", "CHAT_MODEL", {"choices": [{"message": {"role": "assistant", "content": answer}}]}),
    ]


experiment_id = post("/api/2.0/mlflow/experiments/create", {"name": experiment})["experiment_id"]
all_turns = [(session, turn) for session in range(sessions) for turn in range(turns)]
for start in range(0, len(all_turns), TRACES_AT_ONCE):
    spans = [span for session, turn in all_turns[start : start + TRACES_AT_ONCE] for span in trace(session, turn)]
    post("/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}, {"x-mlflow-experiment-id": experiment_id, "accept": "application/json"})
