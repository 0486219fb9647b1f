"""One trace for each turn: called under the session's id, found again, and read back with what was logged beside it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import mlflow
from mlflow.entities import Assessment, AssessmentSource, SpanStatus, SpanStatusCode, Trace
from mlflow.exceptions import MlflowException
from mlflow.tracing.client import TracingClient
from mlflow.tracing.constant import TraceMetadataKey

METADATA_CHARACTERS = 250
"""What MLflow keeps of a value of a trace's metadata."""
BATCH = 100
"""Traces read with one request: what costs a server the least for each."""
READERS = 4
"""Requests at once; more wait for each other in the server."""
ENDING = "simulation_ending"
"""The name of the assessment that says how a conversation ended."""

DISCARDED = "reenact.discarded"
"""The tag of the traces of a conversation that was thrown away and held again: why."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turn:
    """A turn of a simulated conversation, as its trace names it."""

    session: str
    number: int
    """From 0, as MLflow counts them."""
    goal: str
    persona: str
    guidelines: Sequence[str] = ()

    def metadata(self) -> dict[str, str]:
        """What MLflow's pages show of the simulation."""
        told = {"goal": self.goal, "persona": self.persona, "turn": str(self.number)}
        if self.guidelines:
            told["simulation_guidelines"] = "\n".join(self.guidelines)
        return {f"mlflow.simulation.{key}": _fitted(value) for key, value in told.items()}


@dataclass
class Called:
    """A call of the agent, and the trace that it left."""

    name: str
    inputs: dict[str, Any]
    began_at_ns: int = field(default_factory=time.time_ns)
    outputs: Any = None
    error: BaseException | None = None


class Traces:
    """The traces of a simulation, by session and turn."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, int], str] = {}
        self._lock = threading.Lock()

    def call(self, turn: Turn, predict_fn: Callable[..., Any], inputs: dict[str, Any]) -> Any:
        """Calls the agent; the trace that it leaves, or else one of our own, is this turn's, also where it raises."""
        with self._traced(turn, _name_of(predict_fn), inputs) as called:
            called.outputs = predict_fn(**inputs)
        return called.outputs

    async def await_call(self, turn: Turn, predict_fn: Callable[..., Awaitable[Any]], inputs: dict[str, Any]) -> Any:
        """As `call`, for an agent that is a coroutine function."""
        with self._traced(turn, _name_of(predict_fn), inputs) as called:
            called.outputs = await predict_fn(**inputs)
        return called.outputs

    def write(self, turn: Turn, called: Called) -> str:
        """Writes a trace for a turn that left none, and gives its id."""
        with mlflow.tracing.context(session_id=turn.session, metadata=turn.metadata()):
            span = mlflow.start_span_no_context(
                called.name, span_type="CHAIN", inputs=called.inputs, start_time_ns=called.began_at_ns
            )
            if called.error is not None:
                span.record_exception(called.error if isinstance(called.error, Exception) else repr(called.error))
                span.end(status=SpanStatus(SpanStatusCode.ERROR, str(called.error)))
            else:
                span.end(outputs=called.outputs)
        self._note(turn, span.trace_id)
        return str(span.trace_id)

    def of(self, session: str, number: int) -> str | None:
        """The id of a turn's trace, where there is one."""
        return self._ids.get((session, number))

    def of_session(self, session: str) -> list[str]:
        """The ids of the traces of a session."""
        with self._lock:
            return [trace_id for (of, _), trace_id in self._ids.items() if of == session]

    @contextmanager
    def _traced(self, turn: Turn, name: str, inputs: dict[str, Any]) -> Iterator[Called]:
        # The agent may change what it is handed, and the trace is of what it was handed.
        called = Called(name, {**inputs, **{key: list(it) for key, it in inputs.items() if isinstance(it, list)}})
        with mlflow.tracing.context(session_id=turn.session, metadata=turn.metadata()):
            before = mlflow.get_last_active_trace_id(thread_local=True)
            try:
                yield called
            except BaseException as error:
                called.error = error
                raise
            finally:
                left = mlflow.get_last_active_trace_id(thread_local=True)
                if left is None or left == before:
                    self.write(turn, called)
                else:
                    self._note(turn, left)

    def _note(self, turn: Turn, trace_id: str) -> None:
        with self._lock:
            self._ids[turn.session, turn.number] = trace_id


def find(session: str, experiment_id: str) -> dict[int, str]:
    """The traces that a store has of a simulated session: their ids by the number of the turn."""
    where = f"metadata.`{TraceMetadataKey.TRACE_SESSION}` = '{session}'"
    traces = mlflow.search_traces(
        locations=[experiment_id], filter_string=where, include_spans=False, return_type="list"
    )
    numbered = ((trace.info.trace_metadata.get("mlflow.simulation.turn"), trace.info.trace_id) for trace in traces)
    return {int(number): trace_id for number, trace_id in numbered if number is not None}


def log_expectations(session: str, first_trace: str, expectations: Mapping[str, Any]) -> list[Assessment]:
    """Logs what is expected of a session on its first trace, where scorers of sessions look for it."""
    of_session = {TraceMetadataKey.TRACE_SESSION: session}
    return [
        mlflow.log_expectation(trace_id=first_trace, name=name, value=value, metadata=of_session)
        for name, value in expectations.items()
    ]


def log_ending(session: str, first_trace: str, kind: str, reason: str) -> Assessment:
    """Logs how a conversation ended on its first trace, where MLflow shows what is said of a session."""
    return mlflow.log_feedback(
        trace_id=first_trace,
        name=ENDING,
        value=kind,
        rationale=reason,
        source=AssessmentSource("CODE", "reenact"),
        metadata={TraceMetadataKey.TRACE_SESSION: session},
    )


def read(trace_ids: list[str]) -> dict[str, Trace]:
    """Traces by their ids, as the store has them; those that it has not are left out."""
    batches = [trace_ids[at : at + BATCH] for at in range(0, len(trace_ids), BATCH)]
    with ThreadPoolExecutor(READERS, "reenact-traces") as readers:
        return {trace.info.trace_id: trace for batch in readers.map(_batch, batches) for trace in batch}


def _batch(trace_ids: list[str]) -> list[Trace]:
    try:
        traces: list[Trace] = TracingClient().store.batch_get_traces(trace_ids)
    except (MlflowException, NotImplementedError) as error:
        _logger.debug("traces are read one by one: %s", error)
        traces = []
    # A store that keeps spans as files has them only one by one.
    have = {trace.info.trace_id for trace in traces if trace.data.spans}
    singly = (mlflow.get_trace(trace_id, silent=True) for trace_id in trace_ids if trace_id not in have)
    return [trace for trace in traces if trace.data.spans] + [trace for trace in singly if trace is not None]


def _fitted(value: str) -> str:
    return value if len(value) <= METADATA_CHARACTERS else value[: METADATA_CHARACTERS - 1] + "…"


def _name_of(predict_fn: Callable[..., Any]) -> str:
    return getattr(predict_fn, "__name__", "predict")
