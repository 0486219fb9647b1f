"""What MLflow's environment variables say that its simulator heeds, and so does ours."""

from __future__ import annotations

import os

from mlflow.environment_variables import MLFLOW_GENAI_EVAL_ASYNC_TIMEOUT, MLFLOW_GENAI_SIMULATOR_MAX_WORKERS

CONCURRENCY = 64
"""Conversations at once where nobody says otherwise: most of what they do is wait for models."""


def concurrency() -> int:
    """Conversations at once."""
    if MLFLOW_GENAI_SIMULATOR_MAX_WORKERS.name in os.environ:
        return int(MLFLOW_GENAI_SIMULATOR_MAX_WORKERS.get())  # type: ignore[no-untyped-call]
    return CONCURRENCY


def agent_timeout_seconds() -> int:
    """How long one answer of the agent may take."""
    return int(MLFLOW_GENAI_EVAL_ASYNC_TIMEOUT.get())  # type: ignore[no-untyped-call]
