"""What came of the conversations, in MLflow: every turn a trace, and on the first of each session what is expected and how it ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.entities import Trace
from mlflow.entities.span import NO_OP_SPAN_TRACE_ID

from reenact import Trial

from . import _settings, _traces
from ._traces import Called

if TYPE_CHECKING:
    from ._playing import Playing
    from ._simulator import ConversationSimulator, SimulatedConversation


class BrokenConversation(Exception):
    """Why a turn has no answer, as its trace says it."""


@dataclass(frozen=True)
class _Session:
    """A session in the tracking store."""

    case: dict[str, Any]
    trial: Trial
    trace_ids: list[str]


class Told:
    """Tells MLflow what came of a simulation."""

    def __init__(self, simulator: ConversationSimulator, playing: Playing, experiment_id: str) -> None:
        self._simulator, self._playing, self._experiment_id = simulator, playing, experiment_id

    def conversations(self, trials: dict[str, Trial]) -> list[SimulatedConversation]:
        """What came of each case, in their order."""
        from ._simulator import SimulatedConversation

        sessions = [_Session(case, trials[id], self._traces_of(trials[id])) for id, case in self._playing.cases.items()]
        traces = self._read(sessions)
        with ThreadPoolExecutor(_settings.workers(), "reenact-tell") as tellers:
            list(tellers.map(lambda session: self._tell(session, traces[session.trace_ids[0]]), sessions))
        return [
            SimulatedConversation(
                test_case=session.case,
                session_id=session.trial.session_id,
                ending=session.trial.ending.kind.value,
                reason=str(session.trial.ending),
                messages=session.trial.conversation.to_chat(),
                traces=[traces[trace_id] for trace_id in session.trace_ids],
                error=self._playing.raised.get(session.trial.session_id),
            )
            for session in sessions
        ]

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """MLflow says at every flush that it flushes."""
        log = logging.getLogger("mlflow.tracing.export.async_export_queue")
        level = log.level
        log.setLevel(logging.WARNING)
        try:
            yield
        finally:
            log.setLevel(level)

    def _traces_of(self, trial: Trial) -> list[str]:
        """The trace of each turn: what the agent left in this process, what an earlier one left in the store, else one of our own."""
        turns = max(1, sum(message.speaker == "user" for message in trial.conversation))
        here = [self._playing.traces.of(trial.session_id, number) for number in range(turns)]
        stored = _traces.find(trial.session_id, self._experiment_id) if self._is_resumed(here) else {}
        return [trace_id or stored.get(number) or self._write(trial, number) for number, trace_id in enumerate(here)]

    def _is_resumed(self, here: list[str | None]) -> bool:
        return self._simulator.resume is not None and None in here

    def _write(self, trial: Trial, number: int) -> str:
        """A trace for a turn that has none, from what is known of the turn."""
        turn = self._playing.turn(trial.case, trial.session_id, number)
        turns = list(trial.conversation.turns())
        said = [] if not turns else trial.conversation[: trial.conversation.index(turns[number].user) + 1]
        answer = turns[number].said_by_agent if turns else ""
        inputs = self._playing.inputs([message.to_chat() for message in said], trial.session_id, trial.case)
        called = Called(getattr(self._playing.predict_fn, "__name__", "predict"), inputs)
        if answer:
            called.outputs = answer
        else:
            called.error = BrokenConversation(str(trial.ending))
        return self._playing.traces.write(turn, called)

    def _tell(self, session: _Session, first: Trace) -> None:
        """Says on the first trace of a session what holds of all of it, in the store and in the trace that is here."""
        of, ending = session.trial.session_id, session.trial.ending
        said = _traces.log_expectations(of, first.info.trace_id, session.case.get("expectations", {}))
        said.append(_traces.log_ending(of, first.info.trace_id, ending.kind.value, str(ending)))
        first.info.assessments.extend(said)
        for thrown_away in session.trial.discarded:
            for trace_id in self._playing.traces.of_session(thrown_away.session_id):
                mlflow.set_trace_tag(trace_id, _traces.DISCARDED, thrown_away.reason)

    def _read(self, sessions: list[_Session]) -> dict[str, Trace]:
        """The traces by their ids. One that MLflow lost on the way is written again, from what is known of its turn."""
        mlflow.flush_trace_async_logging()
        read = _traces.read([trace_id for session in sessions for trace_id in session.trace_ids])
        for session in sessions:
            for number, trace_id in enumerate(session.trace_ids):
                if trace_id not in read:
                    session.trace_ids[number] = self._write(session.trial, number)
        mlflow.flush_trace_async_logging()
        again = [trace_id for session in sessions for trace_id in session.trace_ids if trace_id not in read]
        read.update(_traces.read(again))
        lost = [trace_id for trace_id in again if trace_id not in read]
        if lost:
            raise LostTraces(lost)
        return read


class LostTraces(RuntimeError):
    """Traces that were logged twice and are not in the tracking store."""

    def __init__(self, trace_ids: list[str]) -> None:
        off = (
            " (tracing is turned off)" if trace_ids[0] == NO_OP_SPAN_TRACE_ID else f", the first of them {trace_ids[0]}"
        )
        super().__init__(f"{len(trace_ids)} traces did not reach the tracking store{off}")
        self.trace_ids = trace_ids
