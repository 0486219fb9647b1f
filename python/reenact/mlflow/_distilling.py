"""Recorded sessions of MLflow into test cases."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Trace
from mlflow.entities.session import Session
from mlflow.genai.simulators.utils import get_default_simulation_model

import reenact
from reenact import Distilled, Store, Suite, TestCase

from . import _guidelines
from ._cases import CASE_TAG, expectations_of

_logger = logging.getLogger("reenact.mlflow")


@dataclass(frozen=True)
class SkippedSession:
    """A session that gave no case."""

    at: int
    """Its place among the sessions, from 0."""
    session_id: str
    """Its id."""
    reason: str
    """Why there is no case of it."""


class TestCases(list[dict[str, Any]]):
    """The cases, as MLflow has them: a list of dicts. What a list cannot say stands beside it."""

    __test__ = False

    def __init__(self, of_sessions: Sequence[TestCase | SkippedSession]) -> None:
        self.of_sessions = list(of_sessions)
        """For each session, in their order, the case that it gave, or why it gave none."""
        self.suite = Suite(cases=[it for it in of_sessions if isinstance(it, TestCase)])
        """The cases as a suite, with the evidence of each part: `test_cases.suite.save("suite.yaml")`."""
        self.skipped = [it for it in of_sessions if isinstance(it, SkippedSession)]
        """The sessions that gave no case."""
        super().__init__(_inputs(case) for case in self.suite.cases)

    def records(self) -> list[dict[str, Any]]:
        """The cases as records of a dataset, with all that there is of them: `dataset.merge_records(test_cases.records())`.

        What is expected of the agent stands beside the inputs, and the whole case in the tag `reenact.case`.
        """
        return [_record(case) for case in self.suite.cases]


def generate_test_cases(
    sessions: list[Session] | list[list[Trace]],
    *,
    model: str | None = None,
    mask: str = "auto",
    store: str | Path | None = None,
) -> TestCases:
    """Distils recorded sessions into test cases; takes the place of MLflow's function of the same name.

    The result is a list of dicts with `goal`, `persona` and `simulation_guidelines`, which every simulator of MLflow takes and every
    dataset keeps. What the user said late, and what for, stands among the guidelines in a form that our simulator reads back as a fact
    that waits for its time. What the user turned against is expected of the agent, and is not told to the user: see `TestCases.records`.

    Args:
        sessions: Sessions, or lists of traces, each of one session.
        model: The model that distils; MLflow's default where none is named. `offline` takes none.
        mask: Whether personal data is masked before the model reads it: `on`, `off`, or `auto`, where the model is not on this machine.
        store: A file that keeps the model's answers: what was answered is not asked again.
    """
    recorded = [session.traces if isinstance(session, Session) else list(session) for session in sessions]
    ids = _ids(recorded)
    kept = Store.temporary() if store is None else Store.of(store)
    lines = [_line(trace, id) for id, traces in zip(ids, recorded, strict=False) for trace in traces]
    read = {}
    if lines:
        reading = Store.temporary()
        reading.import_("\n".join(lines).encode(), format="mlflow")
        read = {session.id: session for session in reading.sessions()}
    distilled = reenact.distill(
        [read[id] for id in ids if id in read], model=model or get_default_simulation_model(), mask=mask, store=kept
    )
    return _aligned(ids, read, distilled)


def _aligned(ids: Sequence[str], read: Mapping[str, Any], distilled: Distilled) -> TestCases:
    cases = {_unmasked(case.origin.session): case for case in distilled.cases if case.origin is not None}
    reasons = {_unmasked(skipped.what.removeprefix("session ")): skipped.reason for skipped in distilled.skipped}
    of_sessions: list[TestCase | SkippedSession] = []
    for at, id in enumerate(ids):
        if id in cases:
            of_sessions.append(cases[id])
            continue
        unread = "none of its traces says what a user wrote" if id not in read else "no case came of it"
        reason = reasons.get(id, unread)
        _logger.warning("session %d (%s) gave no test case: %s", at, id, reason)
        of_sessions.append(SkippedSession(at, id, reason))
    return TestCases(of_sessions)


def _ids(recorded: Iterable[Sequence[Trace]]) -> list[str]:
    """An id for each session: its own, with its place behind it where another has the same or there is none."""
    ids: list[str] = []
    for at, traces in enumerate(recorded):
        named = next((trace.info.trace_metadata.get("mlflow.trace.session") for trace in traces), None)
        ids.append(named if named and named not in ids else f"{named or 'session'}-{at}")
    return ids


def _line(trace: Trace, session: str) -> str:
    """A trace as a line of JSON, under the id of its session."""
    told = json.loads(trace.to_json())
    told["info"].setdefault("trace_metadata", {})["mlflow.trace.session"] = session
    return json.dumps(told, ensure_ascii=False)


def _unmasked(session: str) -> str:
    """The id of the recording of a session that may have been masked."""
    return session.partition("~masked-")[0]


def _inputs(case: TestCase) -> dict[str, Any]:
    brief = case.brief.to_dict()
    guidelines = _guidelines.written({**brief, "simulation_guidelines": brief.get("guidelines")})
    told = {"goal": case.brief.goal, "persona": case.brief.persona, "simulation_guidelines": guidelines}
    return {key: value for key, value in told.items() if value}


def _record(case: TestCase) -> dict[str, Any]:
    told = {"goal": case.brief.goal, "persona": case.brief.persona, "simulation_guidelines": case.brief.guidelines}
    [whole] = Suite(cases=[case]).to_jsonl().splitlines()
    return {
        "inputs": {key: value for key, value in told.items() if value},
        "expectations": expectations_of(case),
        "tags": {CASE_TAG: whole},
    }
