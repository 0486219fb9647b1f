"""What came of the conversations, in MLflow: every turn a trace, and on the first of each session what is expected and how it ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.entities import Trace

from reenact import Trial

from . import _own, _traces
from ._traces import Called

if TYPE_CHECKING:
    from ._playing import Playing
    from ._simulator import ConversationSimulator, SimulatedConversation


class BrokenConversation(Exception):
    """Why a turn has no answer, as its trace says it."""


@dataclass(frozen=True)
class _Session:
    """A session on its way into the tracking store."""

    case: dict[str, Any]
    trial: Trial
    traces: list[Trace | str]
    """One for each turn: the id of one that is there, or one of our own that is still to be written."""

    def __iter__(self) -> Iterator[tuple[int, Trace | str]]:
        return iter(enumerate(self.traces))


class Told:
    """Tells MLflow what came of a simulation."""

    def __init__(self, simulator: ConversationSimulator, playing: Playing, experiment_id: str) -> None:
        self._simulator, self._playing, self._experiment_id = simulator, playing, experiment_id
        self._workshop = _own.Workshop()

    def conversations(self, trials: dict[str, Trial]) -> list[SimulatedConversation]:
        """What came of each case, in their order."""
        sessions = [_Session(case, trials[id], self._traces_of(trials[id])) for id, case in self._playing.cases.items()]
        discarded = [trace for session in sessions for trace in self._discarded(session.trial)]
        traces = self._read(sessions)
        with ThreadPoolExecutor(_own.WRITERS, "reenact-tell") as tellers:
            list(tellers.map(lambda session: self._tell(session, traces), sessions))
        ours = [trace for session in sessions for _, trace in session if isinstance(trace, Trace)]
        traces.update({trace.info.trace_id: trace for trace in _own.write([*ours, *discarded])})
        return [self._conversation(session, traces) for session in sessions]

    def broken_off(self) -> None:
        """Writes what a simulation that was stopped has of calls that left no trace."""
        _own.write([self._workshop.trace(called) for called in self._playing.traces.untraced()])

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

    def _conversation(self, session: _Session, traces: dict[str, Trace]) -> SimulatedConversation:
        from ._simulator import SimulatedConversation

        return SimulatedConversation(
            test_case=session.case,
            session_id=session.trial.session_id,
            ending=session.trial.ending.kind.value,
            reason=str(session.trial.ending),
            messages=session.trial.conversation.to_chat(),
            traces=[traces[_id(trace)] for trace in session.traces],
            error=self._playing.raised.get(session.trial.session_id),
        )

    def _traces_of(self, trial: Trial) -> list[Trace | str]:
        """The trace of each turn: what the agent left in this process, what an earlier one left in the store, else one of our own."""
        turns = max(1, sum(message.speaker == "user" for message in trial.conversation))
        here = [self._playing.traces.of(trial.session_id, number) for number in range(turns)]
        stored = _traces.find(trial.session_id, self._experiment_id) if self._is_resumed(here) else {}
        left = [it or stored.get(number) or self._told_of(trial, number) for number, it in enumerate(here)]
        return [it if isinstance(it, str) else self._workshop.trace(it) for it in left]

    def _is_resumed(self, here: Sequence[object]) -> bool:
        return self._simulator.resume is not None and None in here

    def _told_of(self, trial: Trial, number: int) -> Called:
        """A call as the conversation tells of it, where nobody saw it."""
        turns = list(trial.conversation.turns())
        said = [] if not turns else trial.conversation[: trial.conversation.index(turns[number].user) + 1]
        answer = turns[number].said_by_agent if turns else ""
        inputs = self._playing.inputs([message.to_chat() for message in said], trial.session_id, trial.case)
        turn = self._playing.turn(trial.case, trial.session_id, number)
        called = Called(turn, getattr(self._playing.predict_fn, "__name__", "predict"), inputs)
        if answer:
            called.outputs = answer
        else:
            called.error = BrokenConversation(str(trial.ending))
        return called

    def _tell(self, session: _Session, traces: dict[str, Trace]) -> None:
        """Says on the first trace of a session what holds of all of it."""
        trial, first = session.trial, session.traces[0]
        expected = session.case.get("expectations", {})
        said = _traces.said_of(trial.session_id, expected, trial.ending.kind.value, str(trial.ending))
        if isinstance(first, Trace):
            # The store takes what is said of a trace together with it.
            first.info.assessments.extend(said)
            return
        traces[first].info.assessments.extend(mlflow.log_assessment(first, it) for it in said)

    def _discarded(self, trial: Trial) -> Iterator[Trace]:
        """Marks the traces of conversations that were thrown away; gives those that are still to be written."""
        for thrown_away in trial.discarded:
            for left in self._playing.traces.of_session(thrown_away.session_id):
                if isinstance(left, str):
                    mlflow.set_trace_tag(left, _traces.DISCARDED, thrown_away.reason)
                    continue
                trace = self._workshop.trace(left)
                trace.info.tags[_traces.DISCARDED] = thrown_away.reason
                yield trace

    def _read(self, sessions: list[_Session]) -> dict[str, Trace]:
        """The traces that agents left, by their ids. In the place of one that MLflow lost on the way comes one of our own."""
        mlflow.flush_trace_async_logging()
        read = _traces.read([trace for session in sessions for _, trace in session if isinstance(trace, str)])
        for session in sessions:
            for number, trace in session:
                if isinstance(trace, str) and trace not in read:
                    session.traces[number] = self._workshop.trace(self._told_of(session.trial, number))
        return read


def _id(trace: Trace | str) -> str:
    return trace if isinstance(trace, str) else str(trace.info.trace_id)
