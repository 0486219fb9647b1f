"""Prints what MLflow's own client reads of an experiment: its runs, its sessions, and their conversations as its judges see them.

    look.py ADDRESS EXPERIMENT
"""
import json
import sys

import mlflow
from mlflow.genai.utils.trace_utils import resolve_conversation_from_session

mlflow.set_tracking_uri(sys.argv[1])
experiment = mlflow.get_experiment_by_name(sys.argv[2]).experiment_id


def assessment(told):
    error = getattr(told, "error", None)
    return {
        "kind": type(told).__name__.lower(), "name": told.name, "value": told.value, "error": error and error.error_code,
        "source": told.source.source_type, "rationale": told.rationale, "session": (told.metadata or {}).get("mlflow.trace.session"),
    }


def trace(told):
    return {
        "id": told.info.trace_id, "state": str(told.info.state.value), "metadata": told.info.trace_metadata,
        "asked": told.info.request_preview, "said": told.info.response_preview,
        "assessments": [assessment(one) for one in told.info.assessments],
        "spans": [{"name": span.name, "type": span.span_type, "inputs": span.inputs, "outputs": span.outputs} for span in told.data.spans],
    }


runs = mlflow.search_runs([experiment], output_format="list")
sessions = mlflow.search_sessions(locations=[experiment])
print(json.dumps({
    "runs": [
        {
            "id": run.info.run_id, "status": run.info.status, "tags": run.data.tags, "params": run.data.params, "metrics": run.data.metrics,
            "datasets": [used.dataset.name for used in run.inputs.dataset_inputs],
            "traces": len(mlflow.search_traces(locations=[experiment], run_id=run.info.run_id, return_type="list")),
        }
        for run in runs
    ],
    "sessions": {
        session.id: {
            "traces": [trace(told) for told in session.traces],
            "conversation": [line["content"] for line in resolve_conversation_from_session(session.traces)],
        }
        for session in sessions
    },
}))
