"""The conversations, held: MLflow's cases as ours, its agent and its classes of users as participants."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import inspect
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from mlflow.genai.simulators import SimulatorContext
from mlflow.genai.simulators.prompts import DEFAULT_PERSONA
from mlflow.genai.utils import trace_utils

from reenact import AgentTurn, Leave, Plan, Report, Run, Say, Scene, Store, Suite, TestCase, _native
from reenact._asking import Asking
from reenact._progress import Progress, is_watched
from reenact.errors import Interrupted
from reenact.participants import Part, name_of, user_part

from . import _cases, _settings
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
        given: list[dict[str, Any]] = simulator.test_cases  # type: ignore[assignment]
        self.cases = {f"case-{at}": case for at, case in enumerate(given, 1)}
        self.traces = Traces()
        self.raised: dict[str, BaseException] = {}
        """What one's own code raised, by the ids of the sessions."""
        self._suite = [TestCase.from_dict(_cases.in_a_run(case, id)) for id, case in self.cases.items()]
        briefs = (_key(case.brief.to_dict()) for case in self._suite)
        self._given = dict(zip(briefs, (case.get("simulation_guidelines") for case in given), strict=True))
        self._takes = inspect.signature(predict_fn).parameters
        self._is_open = any(it.kind is inspect.Parameter.VAR_KEYWORD for it in self._takes.values())
        self._users: dict[int, BaseSimulatedUserAgent] = {}
        self._lock = threading.Lock()

    def play(self) -> Report:
        """Holds all conversations, or what is left of those of an interrupted simulation.

        Raises `Interrupted` on Ctrl-C.
        """
        simulator, store, stopper = self.simulator, self._store(), _native.Stopper()
        progress = Progress("conversations", shown=is_watched())
        asking = Asking(
            self._parts(),
            stopper,
            deadline=_settings.agent_timeout_seconds(),
            user_parameters=simulator.user_llm_params,
        )
        with asking:
            run = self._resumed(store) if simulator.resume else self._begun(store, asking)
            try:
                output = _native.drive(store._native, run, asking.own, stopper, progress.hear)
            except KeyboardInterrupt:
                raise Interrupted(run, str(store.path)) from None
            finally:
                progress.close()
        self.raised = {raised.session_id: raised.error for raised in asking.exceptions}
        return Report.from_dict(output)

    def _begun(self, store: Store, asking: Asking) -> str:
        simulator = self.simulator
        plan = Plan(
            agent=name_of(self.predict_fn),
            user_model=simulator.user_model,
            max_turns=simulator.max_turns,
            concurrency=simulator.concurrency,
            agent_timeout_seconds=_settings.agent_timeout_seconds(),
        )
        begun = _native.begin(store._native, Suite(cases=self._suite).to_dict(), plan.to_dict(), asking.own)
        return str(begun["id"])

    def _resumed(self, store: Store) -> str:
        """The id of the run that goes on. Raises `ValueError` where it is of other cases."""
        run = Run.from_dict(store._native.run(self.simulator.resume or "latest"))
        if [case.to_dict() for case in run.suite.cases] != [case.to_dict() for case in self._suite]:
            raise ValueError(f"simulation {run.id} is of other test cases than these, so it cannot go on with them")
        return run.id

    def _parts(self) -> dict[str, Part]:
        agent = {"agent": Part(name_of(self.predict_fn), self._ask, words_of)}
        if self.simulator.user_agent_class is SimulatedUserAgent:
            return agent
        asked = user_part(self._next)
        return {**agent, "user": dataclasses.replace(asked, is_guarded=False)}

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

    def _ask(self, call: _native.Call) -> Any:
        """Asks the agent, plain or not."""
        turn = AgentTurn(call)
        named = self.turn(turn.case, turn.session_id, turn.number - 1)
        inputs = self.inputs(turn.messages, turn.session_id, turn.case)
        if inspect.iscoroutinefunction(self.predict_fn):
            return _alone(self.traces.await_call(named, self.predict_fn, inputs))
        # Whoever simulates may do so inside of a span of its own, and the agent's traces are not parts of that.
        return contextvars.Context().run(self.traces.call, named, self.predict_fn, inputs)

    def _next(self, scene: Scene) -> Say | Leave:
        """What a user of one's own class does next: it leaves once its goal is reached, as anybody else does."""
        history = scene.conversation.to_chat()
        asked = {"brief": scene.brief.to_dict(), "conversation": scene.conversation.to_dict(), "seed": scene.seed}
        told = {**asked, "disclosures": [it.to_dict() for it in scene.disclosures], "rejected": []}
        if any(it["role"] == "assistant" for it in history):
            parameters = json.dumps(self.simulator.user_llm_params)
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
                made = self.simulator.user_agent_class(
                    model=self.simulator.user_model, **self.simulator.user_llm_params
                )
                self._users[conversation] = made
            return self._users[conversation]

    def _guidelines(self, scene: Scene, told: Mapping[str, Any]) -> str | list[str] | None:
        """The case's guidelines, in the form in which they were given; with the fact whose time has come, where there is one."""
        if not scene.brief.facts:
            given: str | list[str] | None = self._given.get(_key(scene.brief.to_dict()))
            return given
        act = _native.user_act("offline", "{}", told)
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
