"""`ConversationSimulator`: MLflow's own, with its conversations held by reenact."""

from __future__ import annotations

import contextlib
import inspect
import logging
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.entities import Trace
from mlflow.exceptions import MlflowException
from mlflow.genai import simulators as peer
from mlflow.genai.datasets import EvaluationDataset

from reenact import Trial
from reenact.errors import Interrupted

from . import _cases, _settings
from ._playing import Playing
from ._telling import Told
from ._users import SimulatedUserAgent

if TYPE_CHECKING:
    from ._cases import TestCases

_logger = logging.getLogger("reenact.mlflow")


@dataclass(frozen=True)
class SimulatedConversation:
    """What came of one test case."""

    test_case: dict[str, Any]
    """The case that was played."""
    session_id: str
    """The session of its traces."""
    ending: str
    """Why it stopped, such as `satisfied`, `turn_limit`, `agent_failed` or `user_failed`."""
    reason: str
    """The ending in words, with what went wrong where something did."""
    messages: list[dict[str, Any]]
    """What was said, as chat messages."""
    traces: list[Trace]
    """One trace for each turn; at least one."""
    error: BaseException | None = None
    """What your own code raised in it."""


class ConversationSimulator(peer.ConversationSimulator):
    """Plays a simulated user for each test case against your agent; takes the place of MLflow's class of the same name.

    Hand it to `mlflow.genai.evaluate(data=simulator, predict_fn=…, scorers=[…])`, or call `simulate`. The parameters mean what they
    mean in MLflow; test cases may also be a `reenact.Suite` or the path of one, and have `facts`, an `opening` and `patience`.

    Each case gives a conversation with at least one trace, whatever goes wrong in it: a turn that fails leaves a trace that says so. How
    each conversation ended stands on its first trace as the assessment `simulation_ending`, in `conversations`, and as counts on the run.

    Args:
        concurrency: Conversations at once. By default `MLFLOW_GENAI_SIMULATOR_MAX_WORKERS` where that is set, else 64.
        store: A file that keeps the conversations while they are held. Without one, nothing is left of those that were interrupted.
        resume: The id of an interrupted simulation in that store, or `latest`: what was answered is not asked again.
    """

    def __init__(
        self,
        test_cases: TestCases,
        max_turns: int = 10,
        user_model: str | None = None,
        user_agent_class: type[peer.BaseSimulatedUserAgent] | None = None,
        *,
        concurrency: int | None = None,
        store: str | Path | None = None,
        resume: str | None = None,
        **user_llm_params: Any,
    ) -> None:
        if resume is not None and store is None:
            raise ValueError("resume needs the store that keeps the simulation: ConversationSimulator(…, store=PATH)")
        # A dataset lends the evaluation its name.
        given = test_cases if isinstance(test_cases, EvaluationDataset) else _cases.normalised(test_cases)
        super().__init__(given, max_turns, user_model, user_agent_class or SimulatedUserAgent, **user_llm_params)
        self.concurrency = concurrency or _settings.concurrency()
        self.store = store
        self.resume = resume
        self.conversations: list[SimulatedConversation] = []
        """What came of each test case when they were last simulated, in their order."""

    def _normalize_test_cases(self, test_cases: TestCases) -> list[dict[str, Any]]:
        return _cases.normalised(test_cases)

    def _validate_test_cases(self, test_cases: list[dict[str, Any]]) -> None:
        _cases.check(test_cases)

    def simulate(self, predict_fn: Callable[..., Any]) -> list[list[Trace]]:
        """Holds a conversation for each test case, and gives the traces of its turns: one list for each case, in their order.

        `predict_fn` takes the history as `messages` or `input`, and the keys of the case's context. It may be a coroutine function; all
        its calls are then awaited on one event loop.

        Raises `KeyboardInterrupt` on Ctrl-C; with a `store`, the log says how to go on.
        """
        check_signature(predict_fn)
        with _run() as run:
            playing = Playing(self, predict_fn)
            told = Told(self, playing, run.info.experiment_id)
            try:
                trials = self._held(playing)
            except Interrupted:
                told.broken_off()
                raise
            with told.quietly():
                self.conversations = told.conversations(trials)
            _count(self.conversations)
        return [list(conversation.traces) for conversation in self.conversations]

    def _held(self, playing: Playing) -> dict[str, Trial]:
        """The trials of the conversations, by the ids of their cases."""
        try:
            report = playing.play()
        except Interrupted as interrupted:
            if self.store is not None:
                how = "the simulation was stopped; to go on: ConversationSimulator(…, store=%r, resume=%r)"
                _logger.warning(how, str(self.store), interrupted.run)
            raise
        return {trial.case: trial for trial in report.trials}


def check_signature(predict_fn: Callable[..., Any]) -> None:
    """Raises `MlflowException` where a function cannot be handed a conversation."""
    takes = inspect.signature(predict_fn).parameters
    if "messages" in takes and "input" in takes:
        raise MlflowException.invalid_parameter_value(
            "predict_fn takes both 'messages' and 'input'; take 'messages' for chat messages, or 'input' for the Responses API"
        )
    if "messages" not in takes and "input" not in takes:
        raise MlflowException.invalid_parameter_value(
            "predict_fn must take either 'messages' or 'input', which is the conversation so far; "
            f"it takes {', '.join(takes) or 'nothing'}"
        )


def _run() -> contextlib.AbstractContextManager[Any]:
    """The active run, or a new one that ends with the simulation."""
    active = mlflow.active_run()
    if active is not None:
        return contextlib.nullcontext(active)
    return mlflow.start_run(run_name=f"simulation-{uuid.uuid4().hex[:8]}")


def _count(conversations: list[SimulatedConversation]) -> None:
    """Says on the run, and in the log where something went wrong, how the conversations ended."""
    endings = Counter(conversation.ending for conversation in conversations)
    mlflow.log_metrics({f"simulation_ending/{ending}": count for ending, count in sorted(endings.items())})
    for at, conversation in enumerate(conversations):
        if conversation.ending in BROKEN:
            _logger.warning("the conversation of test case %d broke: %s", at, conversation.reason)


BROKEN = ("agent_failed", "user_failed", "user_invalid", "tool_missed")
"""Endings that are not the conversation's own."""
