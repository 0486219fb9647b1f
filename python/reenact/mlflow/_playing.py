"""The conversations, held: MLflow's cases as ours, its agent and its classes of users as participants."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from mlflow.environment_variables import MLFLOW_GENAI_EVAL_ASYNC_TIMEOUT
from mlflow.genai.simulators import SimulatorContext
from mlflow.genai.simulators.prompts import DEFAULT_PERSONA
from mlflow.genai.utils import trace_utils

import reenact
from reenact import AgentTurn, Leave, Report, Say, Scene, Store, TestCase, _native

from . import _cases
from ._guidelines import listed
from ._reply import words_of
from ._traces import Traces, Turn
from ._users import SimulatedUserAgent

if TYPE_CHECKING:
    from mlflow.genai.simulators import BaseSimulatedUserAgent

    from ._simulator import ConversationSimulator


class Playing:
    """The conversations of one simulation."""

    def __init__(self, simulator: ConversationSimulator, predict_fn: Callable[..., Any]) -> None:
        self.simulator = simulator
        self.predict_fn = _awaitable(predict_fn)
        self.cases = {f"case-{at}": case for at, case in enumerate(simulator.test_cases, 1)}
        self.traces = Traces()
        self.raised: dict[str, BaseException] = {}
        """What one's own code raised, by the ids of the sessions."""
        self._suite = [TestCase.from_dict(_cases.in_a_run(case, id)) for id, case in self.cases.items()]
        briefs = (_key(case.brief.to_dict()) for case in self._suite)
        self._given = dict(zip(briefs, (case.get("simulation_guidelines") for case in simulator.test_cases)))
        self._takes = inspect.signature(predict_fn).parameters
        self._is_open = any(it.kind is inspect.Parameter.VAR_KEYWORD for it in self._takes.values())
        self._users: dict[int, BaseSimulatedUserAgent] = {}
        self._lock = threading.Lock()

    def run(self) -> Report:
        """Holds all conversations."""
        return reenact.run(
            self._suite,
            self._agent(),
            user=self._user(),
            user_parameters=self.simulator.user_llm_params,
            store=self._store(),
            max_turns=self.simulator.max_turns,
            concurrency=self.simulator.concurrency,
            agent_timeout_seconds=MLFLOW_GENAI_EVAL_ASYNC_TIMEOUT.get(),
        )

    def resumed(self) -> Report:
        """Holds what is left of the conversations of an interrupted simulation."""
        return reenact.resume(
            self.simulator.resume or "latest",
            self._agent(),
            user=self._user(),
            user_parameters=self.simulator.user_llm_params,
            store=self._store(),
        )

    def inputs(self, history: list[dict[str, Any]], session: str, case: str) -> dict[str, Any]:
        """The arguments of one call of the agent."""
        key = "messages" if "messages" in self._takes else "input"
        given = {key: history, "mlflow_session_id": session, **self.cases[case].get("context", {})}
        if self._is_open or "mlflow_session_id" in self._takes:
            return given
        # Whoever keeps no state has no use for the id, and need not take it.
        return {name: value for name, value in given.items() if name != "mlflow_session_id"}

    def turn(self, case: str, session: str, number: int) -> Turn:
        """A turn, from 0, as its trace names it."""
        played = self.cases[case]
        guidelines = tuple(listed(played.get("simulation_guidelines")))
        return Turn(session, number, played["goal"], played.get("persona", DEFAULT_PERSONA), guidelines)

    def _store(self) -> Store:
        return Store.temporary() if self.simulator.store is None else Store.of(self.simulator.store)

    def _agent(self) -> Callable[[AgentTurn], Any]:
        def arguments(turn: AgentTurn) -> tuple[Turn, dict[str, Any]]:
            named = self.turn(turn.case, turn.session_id, turn.number - 1)
            return named, self.inputs(turn.messages, turn.session_id, turn.case)

        def agent(turn: AgentTurn) -> str:
            named, inputs = arguments(turn)
            # Whoever simulates may do so inside of a span of its own, and the agent's traces are not parts of that.
            alone = contextvars.Context()
            return words_of(alone.run(self.traces.call, named, self.predict_fn, inputs))

        async def async_agent(turn: AgentTurn) -> str:
            named, inputs = arguments(turn)
            return words_of(await _alone(self.traces.await_call(named, self.predict_fn, inputs)))

        return async_agent if inspect.iscoroutinefunction(self.predict_fn) else agent

    def _user(self) -> Any:
        if self.simulator.user_agent_class is SimulatedUserAgent:
            return self.simulator.user_model
        return reenact.Unguarded(self._next)

    def _next(self, scene: Scene) -> Say | Leave:
        """What a user of one's own class does next: it leaves once its goal is reached, as anybody else does."""
        history = scene.conversation.to_chat()
        asked = {"brief": scene.brief.to_dict(), "conversation": scene.conversation.to_dict(), "seed": scene.seed}
        told = {**asked, "disclosures": [it.to_dict() for it in scene.disclosures], "rejected": []}
        if any(it["role"] == "assistant" for it in history):
            parameters = dict(self.simulator.user_llm_params)
            if _is_reached(_native.check_goal(self.simulator.user_model, parameters, told)):
                return Leave("satisfied")
        turn = sum(it["role"] == "user" for it in history)
        context = SimulatorContext(
            goal=scene.brief.goal,
            persona=scene.brief.persona or DEFAULT_PERSONA,
            conversation_history=history,
            turn=turn,
            simulation_guidelines=self._guidelines(scene, told),
        )
        return Say(self._user_of(scene.seed).generate_message(context))

    def _user_of(self, conversation: int) -> BaseSimulatedUserAgent:
        """The object that plays the user of one conversation: it may remember what it said."""
        with self._lock:
            if conversation not in self._users:
                made = self.simulator.user_agent_class(model=self.simulator.user_model, **self.simulator.user_llm_params)
                self._users[conversation] = made
            return self._users[conversation]

    def _guidelines(self, scene: Scene, told: Mapping[str, Any]) -> str | list[str] | None:
        """The case's guidelines, in the form in which they were given; with the fact whose time has come, where there is one."""
        if not scene.brief.facts:
            given: str | list[str] | None = self._given.get(_key(scene.brief.to_dict()))
            return given
        act = _native.user_act("offline", {}, told)
        due = {telling["fact"] for telling in act.get("say", {}).get("discloses", [])}
        now = [f"Say this now: {fact.text}" for fact in scene.brief.facts if fact.id in due]
        return [*scene.brief.guidelines, *now] or None


def _key(brief: Mapping[str, Any]) -> str:
    return json.dumps(brief, sort_keys=True)


def _is_reached(check: Mapping[str, Any]) -> bool:
    parts = check["parts"]
    return bool(parts) and all(part["reached"] == "yes" for part in parts)


async def _alone(call: Coroutine[Any, Any, Any]) -> Any:
    """Awaits in a context of its own."""
    return await contextvars.Context().run(asyncio.ensure_future, call)


def _awaitable(predict_fn: Callable[..., Any]) -> Callable[..., Any]:
    """The coroutine function that `mlflow.genai.evaluate` has wrapped, where it has: all its calls belong on one event loop."""
    wrapper = trace_utils._wrap_async_predict_fn.__code__.co_consts
    is_wrapped = getattr(predict_fn, "__code__", None) in [it for it in wrapper if inspect.iscode(it)]
    return getattr(predict_fn, "__wrapped__", predict_fn) if is_wrapped else predict_fn
