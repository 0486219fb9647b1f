"""The participants that are your own code: an agent, a simulated user, a judge.

An agent is a function, plain or `async`, or any object that can be called. Its parameters say what it is given, by their names:

| parameter | what it is given |
|---|---|
| `messages` or `input` | all that was said so far, as chat messages: dicts with `role` and `content` |
| `message` | the user's new words |
| `turn` | the `AgentTurn`, which has all of it |
| `session_id` or `mlflow_session_id` | the id of the simulated session, the same on every turn |
| `context` | the case's context, a dict |
| the name of a key of the case's context, or `**context` | that value, or all of them |

It answers with a text; a chat message or a list of them; a dict with `reply`; or the object that the client of a model gave it: a chat
completion or a response of OpenAI's forms.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ._ways import Conversation
from ._word import plain
from .words import Assessment, Brief, Disclosure, Ending, Expectation, Leaving, Misstep, TestCase, Verdict

if TYPE_CHECKING:
    from . import _native

Agent = Callable[..., Any]
"""The agent under test: a function or a callable object, plain or `async`."""


class AgentTurn:
    """A turn of the agent: all that it may be given."""

    def __init__(self, call: _native.Call) -> None:
        self._call = call
        self._asked: dict[str, Any] = call.asked()

    @property
    def session_id(self) -> str:
        """The id of the simulated session, `sim-` and 16 hex digits; the same on every turn."""
        return str(self._asked["session_id"])

    @property
    def number(self) -> int:
        """The number of the turn, from 1."""
        return int(self._asked["number"])

    @property
    def case(self) -> str:
        """The case's id."""
        return str(self._asked["case"])

    @property
    def origin(self) -> str | None:
        """The id of the recorded session that the case comes from, where it has one."""
        origin: str | None = self._asked["origin"]
        return origin

    @property
    def context(self) -> dict[str, Any]:
        """The case's context."""
        context: dict[str, Any] = self._asked["context"]
        return context

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All that was said so far as chat messages; the last is the user's new one."""
        return self._call.history()

    @property
    def conversation(self) -> Conversation:
        """All that was said so far."""
        return Conversation.from_dict(self._call.conversation())

    @property
    def message(self) -> str:
        """The user's new words."""
        messages = self._call.history()
        return str(messages[-1]["content"]) if messages else ""

    def __repr__(self) -> str:
        return f"AgentTurn(case={self.case!r}, number={self.number}, session_id={self.session_id!r})"


@dataclass(frozen=True)
class Scene:
    """What a simulated user knows when it is its turn. There is no expectation in it, and no way to one."""

    brief: Brief
    """All that the user may know."""
    conversation: Conversation
    """What the user has said and heard so far, without tool traffic."""
    disclosures: list[Disclosure]
    """The facts already said."""
    seed: int
    """The seed of this trial: the same for the same place in the same plan."""
    rejected: list[Misstep]
    """What was wrong with the messages that were worded for this turn and not let through, the first first."""


@dataclass(frozen=True)
class Say:
    """The simulated user says something."""

    text: str
    """The words."""
    discloses: tuple[str, ...] = ()
    """The ids of the facts that they give away."""
    act: str = "tell"
    """What the user does with them, such as `request`, `answer` or `push_back`."""


@dataclass(frozen=True)
class Leave:
    """The simulated user leaves."""

    why: Leaving | str = Leaving.SATISFIED
    """Why: `satisfied`, `gave_up`, `lost_patience`, `said_all` or `asked_for_person`."""
    goodbye: str | None = None
    """The last words."""


@runtime_checkable
class SimulatedUser(Protocol):
    """Whoever plays the user: one method, plain or `async`. A function of a scene will do as well."""

    def next(self, scene: Scene, /) -> str | Say | Leave | Awaitable[str | Say | Leave]:
        """What the user does next: a text to say, a `Say` that names the facts in it, or `Leave`."""
        ...


@dataclass(frozen=True)
class Hearing:
    """What lies before a judge: one conversation of one case."""

    case: TestCase
    """The case that was played."""
    conversation: Conversation
    """What was said."""
    ending: Ending | None
    """Why it stopped; none for a conversation that no run played."""
    latencies_ms: list[int]
    """How long the agent took for each of its replies, in milliseconds; empty where nobody measured."""


@dataclass(frozen=True)
class Ruling:
    """What a judge says of one expectation."""

    verdict: Verdict | str
    """`pass`, `fail` or `inconclusive`."""
    reason: str = ""
    """Why."""
    turns: tuple[int, ...] = ()
    """The turns that it rests on, from 1."""
    value: Any = None
    """A value that it gives, where it gives one."""


@runtime_checkable
class Judge(Protocol):
    """Whoever decides what no code decides: one method, plain or `async`. A function of the two will do as well."""

    def assess(
        self, expectation: Expectation, hearing: Hearing, /
    ) -> bool | str | Ruling | Awaitable[bool | str | Ruling]:
        """A `Ruling`, a verdict as a text, or whether the expectation is met."""
        ...


@dataclass(frozen=True)
class Part:
    """A participant of one's own: how it is asked, and how its answer is read."""

    name: str
    ask: Callable[[_native.Call], Any]
    read: Callable[[Any], Any]
    is_guarded: bool = True
    """Whether a simulated user's words are read before the agent reads them."""


_OF_TURN: dict[str, Callable[[AgentTurn], Any]] = {
    "messages": lambda turn: turn.messages,
    "input": lambda turn: turn.messages,
    "message": lambda turn: turn.message,
    "turn": lambda turn: turn,
    "session_id": lambda turn: turn.session_id,
    "mlflow_session_id": lambda turn: turn.session_id,
    "context": lambda turn: turn.context,
}


def agent_part(agent: Agent, cases: Iterable[TestCase]) -> Part:
    """An agent as it is asked. Raises `TypeError` where its parameters ask for something that no turn has."""
    if not callable(agent):
        raise TypeError(f"an agent is a name or something to call, not {type(agent).__name__}")
    given, is_open = _parameters(agent)
    needed = [name for name, needs in given.items() if needs and name not in _OF_TURN]
    for case in cases:
        for name in needed:
            if name not in case.context:
                raise TypeError(
                    f"the agent {name_of(agent)} takes `{name}`, which is no part of a turn ({', '.join(_OF_TURN)}) "
                    f"and no key of the context of case `{case.id}`"
                )
    fixed = [(name, _OF_TURN[name]) for name in given if name in _OF_TURN]
    keys = [name for name in given if name not in _OF_TURN]

    def ask(call: _native.Call) -> Any:
        turn = AgentTurn(call)
        arguments = {name: value_of(turn) for name, value_of in fixed}
        if is_open or keys:
            wanted = turn.context if is_open else {key: turn.context[key] for key in keys if key in turn.context}
            arguments.update({key: value for key, value in wanted.items() if key not in arguments})
        return agent(**arguments)

    return Part(name_of(agent), ask, answer_of)


def _parameters(agent: Agent) -> tuple[dict[str, bool], bool]:
    """The names of its parameters, each with whether it must be given; and whether it takes any other."""
    parameters = inspect.signature(agent).parameters.values()
    by_position = [it.name for it in parameters if it.kind is inspect.Parameter.POSITIONAL_ONLY]
    if by_position:
        raise TypeError(
            f"the agent {name_of(agent)} takes `{by_position[0]}` by position only; turns are given by name"
        )
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    given = {it.name: it.default is it.empty for it in parameters if it.kind in named}
    is_open = any(it.kind is inspect.Parameter.VAR_KEYWORD for it in parameters)
    if is_open and not given.keys() & _OF_TURN.keys():
        # Whoever takes anything takes MLflow's arguments.
        given |= {"messages": True, "mlflow_session_id": True}
    return given, is_open


def answer_of(answer: Any) -> Any:
    """What an agent answered as plain data: clients of models give objects that know how to become dicts."""
    if isinstance(answer, str):
        return answer.encode("utf-8", "replace").decode() if not answer.isascii() else answer
    for becomes in ("model_dump", "to_dict", "dict"):
        method = getattr(answer, becomes, None)
        if callable(method) and not isinstance(answer, type):
            return method()
    if isinstance(answer, (list, tuple)):
        return [answer_of(item) for item in answer]
    return dataclasses.asdict(answer) if dataclasses.is_dataclass(answer) and not isinstance(answer, type) else answer


def user_part(user: SimulatedUser | Callable[[Scene], Any]) -> Part:
    """A simulated user as it is asked."""
    play = user.next if isinstance(user, SimulatedUser) else user
    if not callable(play):
        raise TypeError(f"a simulated user has a method `next`, or can be called; {type(user).__name__} does neither")

    def ask(call: _native.Call) -> Any:
        return play(_read(Scene, call.asked()))

    def read(act: Any) -> Any:
        return _act_of(act)

    return Part(name_of(user), ask, read)


def _act_of(act: Any) -> dict[str, Any]:
    if isinstance(act, str):
        act = Say(act)
    if isinstance(act, Say):
        discloses = [{"fact": fact} for fact in act.discloses]
        return {"say": {"text": act.text, "act": act.act, "discloses": discloses}}
    if isinstance(act, Leave):
        return {"leave": {"why": str(act.why), "goal": None, "goodbye": act.goodbye}}
    raise TypeError(f"a simulated user answers with a text, Say or Leave, not with {type(act).__name__}")


def judge_part(judge: Judge | Callable[[Expectation, Hearing], Any]) -> Part:
    """A judge as it is asked."""
    assess = judge.assess if isinstance(judge, Judge) else judge
    if not callable(assess):
        raise TypeError(f"a judge has a method `assess`, or can be called; {type(judge).__name__} does neither")

    def ask(call: _native.Call) -> Any:
        asked = call.asked()
        expectation = Expectation.from_dict(asked["expectation"])
        return assess(expectation, _read(Hearing, asked))

    return Part(name_of(judge), ask, _ruling_of)


def _ruling_of(ruling: Any) -> dict[str, Any]:
    if isinstance(ruling, bool):
        ruling = Ruling("pass" if ruling else "fail")
    if isinstance(ruling, (str, Verdict)):
        ruling = Ruling(ruling)
    if isinstance(ruling, tuple):
        ruling = Ruling(*ruling)
    if not isinstance(ruling, (Ruling, Assessment)):
        raise TypeError(f"a judge answers with a Ruling, a verdict or a bool, not with {type(ruling).__name__}")
    verdict = Verdict(ruling.verdict).value
    return {"verdict": verdict, "reason": ruling.reason, "turns": list(ruling.turns), "value": plain(ruling.value)}


def _read(cls: Any, asked: dict[str, Any]) -> Any:
    """A view, from those members of what is asked that it has."""
    readers: dict[str, Callable[[Any], Any]] = {
        "brief": Brief.from_dict,
        "conversation": Conversation.from_dict,
        "disclosures": lambda items: [Disclosure.from_dict(item) for item in items],
        "rejected": lambda items: [Misstep(item) for item in items],
        "case": TestCase.from_dict,
        "ending": lambda ending: None if ending is None else Ending.from_dict(ending),
    }
    names = [it.name for it in dataclasses.fields(cls)]
    return cls(**{name: readers[name](asked[name]) if name in readers else asked[name] for name in names})


def name_of(code: Any) -> str:
    """The name of somebody's own code, as it stands in a plan: `python:module:name`."""
    named = code if hasattr(code, "__qualname__") else type(code)
    return f"python:{getattr(named, '__module__', '?')}:{named.__qualname__}"


__all__ = ["Agent", "AgentTurn", "Hearing", "Judge", "Leave", "Ruling", "Say", "Scene", "SimulatedUser"]
