"""One trace for each turn: the agent called under the session's id, and the trace that it left found again and read back."""

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
from mlflow.entities import Assessment, AssessmentSource, Expectation, Feedback, Trace
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
    """A call of the agent that left no trace: what a trace of our own says of it."""

    turn: Turn
    name: str
    inputs: dict[str, Any]
    began_at_ns: int = field(default_factory=time.time_ns)
    ended_at_ns: int | None = None
    """Now, where it is not said."""
    outputs: Any = None
    error: BaseException | None = None


class Traces:
    """The traces of a simulation, by session and turn."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, int], str | Called] = {}
        self._lock = threading.Lock()

    def call(self, turn: Turn, predict_fn: Callable[..., Any], inputs: dict[str, Any]) -> Any:
        """Calls the agent; the trace that it leaves, or else what one of our own will say, is this turn's, also where it raises."""
        with self._traced(turn, _name_of(predict_fn), inputs) as called:
            called.outputs = predict_fn(**inputs)
        return called.outputs

    async def await_call(self, turn: Turn, predict_fn: Callable[..., Awaitable[Any]], inputs: dict[str, Any]) -> Any:
        """As `call`, for an agent that is a coroutine function."""
        with self._traced(turn, _name_of(predict_fn), inputs) as called:
            called.outputs = await predict_fn(**inputs)
        return called.outputs

    def of(self, session: str, number: int) -> str | Called | None:
        """The id of the trace that a turn left, or the call that left none; nothing where there was no call."""
        return self._left.get((session, number))

    def of_session(self, session: str) -> list[str | Called]:
        """What the turns of a session left."""
        with self._lock:
            return [left for (of, _), left in self._left.items() if of == session]

    def untraced(self) -> list[Called]:
        """The calls that left no trace."""
        with self._lock:
            return [left for left in self._left.values() if isinstance(left, Called)]

    @contextmanager
    def _traced(self, turn: Turn, name: str, inputs: dict[str, Any]) -> Iterator[Called]:
        # The agent may change what it is handed, and the trace is of what it was handed.
        called = Called(turn, name, {**inputs, **{key: list(it) for key, it in inputs.items() if isinstance(it, list)}})
        with mlflow.tracing.context(session_id=turn.session, metadata=turn.metadata()):
            before = mlflow.get_last_active_trace_id(thread_local=True)
            try:
                yield called
            except BaseException as error:
                called.error = error
                raise
            finally:
                called.ended_at_ns = time.time_ns()
                left = mlflow.get_last_active_trace_id(thread_local=True)
                with self._lock:
                    self._left[turn.session, turn.number] = called if left is None or left == before else left


def find(session: str, experiment_id: str) -> dict[int, str]:
    """The traces that a store has of a simulated session: their ids by the number of the turn."""
    where = f"metadata.`{TraceMetadataKey.TRACE_SESSION}` = '{session}'"
    traces = mlflow.search_traces(
        locations=[experiment_id], filter_string=where, include_spans=False, return_type="list"
    )
    numbered = ((trace.info.trace_metadata.get("mlflow.simulation.turn"), trace.info.trace_id) for trace in traces)
    return {int(number): trace_id for number, trace_id in numbered if number is not None}


def said_of(session: str, expectations: Mapping[str, Any], kind: str, reason: str) -> list[Assessment]:
    """What its first trace says of a session, where scorers look for it and MLflow's pages show it: what is expected, and how it ended."""
    of_session = {TraceMetadataKey.TRACE_SESSION: session}
    expected = [Expectation(name=name, value=value, metadata=of_session) for name, value in expectations.items()]
    source = AssessmentSource("CODE", "reenact")
    return [*expected, Feedback(name=ENDING, value=kind, rationale=reason, source=source, metadata=of_session)]


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
