"""What some words can do beyond holding data; `words.py` makes the classes of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _native
from ._word import Word

if TYPE_CHECKING:
    from typing_extensions import Self

    from .words import EndingKind, Message, Problem, Speaker, Suite, TestCase, ToolCall

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Turn:
    """A view of a conversation: one user message and all that follows it until the next."""

    number: int
    """The number of the turn, from 1."""
    user: Message
    """The user's message."""
    rest: list[Message]
    """All that follows it until the next user message."""

    @property
    def said_by_agent(self) -> str:
        """The words of the agent in this turn, its messages joined by line breaks."""
        return "\n".join(message.text for message in self.rest if message.speaker == "agent" and message.text.strip())


class Conversation(list["Message"]):
    """An ordered list of messages, recorded or simulated alike. It is a list, and can be changed like one."""

    @classmethod
    def from_dict(cls, data: Iterable[Any]) -> Conversation:
        """A conversation from a list of messages as plain data."""
        from .words import Message

        return cls(item if isinstance(item, Message) else Message.from_dict(item) for item in data)

    @classmethod
    def from_chat(cls, messages: Iterable[dict[str, Any]]) -> Conversation:
        """A conversation from chat messages, dicts with `role` and `content`."""
        from .words import Message

        return cls(Message.from_chat(message) for message in messages)

    def to_dict(self) -> list[dict[str, Any]]:
        """The messages as plain data."""
        return [message.to_dict() for message in self]

    def to_chat(self) -> list[dict[str, Any]]:
        """The messages as chat messages, from the agent's point of view: the agent's are the `assistant`'s."""
        return [message.to_chat() for message in self]

    def turns(self) -> Iterator[Turn]:
        """The turns, in order. What was said before the first user message belongs to none."""
        starts = [at for at, message in enumerate(self) if message.speaker == "user"]
        for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(self)], strict=False), 1):
            yield Turn(number, self[start], list(self[start + 1 : end]))

    def __str__(self) -> str:
        return "\n".join(str(message) for message in self)

    def __repr__(self) -> str:
        return f"Conversation({super().__repr__()})"


class MessageWords(Word):
    """Ways to make a message, and to read it."""

    if TYPE_CHECKING:
        speaker: Speaker
        text: str
        tool_calls: list[ToolCall]
        tool_call_id: str | None
        name: str | None

    @classmethod
    def user(cls, text: str) -> Self:
        """What the user said."""
        return cls.from_dict({"speaker": "user", "text": text})

    @classmethod
    def agent(cls, text: str) -> Self:
        """What the agent said."""
        return cls.from_dict({"speaker": "agent", "text": text})

    @classmethod
    def from_chat(cls, message: dict[str, Any]) -> Self:
        """A message from a chat message, a dict with `role` and `content`."""
        data: dict[str, Any] = {"speaker": _SPEAKERS.get(message["role"], message["role"])}
        data["text"] = _text_of(message.get("content"))
        data["tool_calls"] = [_call_of(call) for call in message.get("tool_calls") or []]
        data["tool_call_id"] = message.get("tool_call_id")
        data["name"] = message.get("name") if data["speaker"] == "tool" else None
        return cls.from_dict(data)

    def to_chat(self) -> dict[str, Any]:
        """The message as a chat message, from the agent's point of view."""
        chat: dict[str, Any] = {"role": _ROLES[self.speaker.value], "content": self.text}
        if self.tool_calls:
            chat["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        if self.tool_call_id is not None:
            chat["tool_call_id"] = self.tool_call_id
        return chat

    def __str__(self) -> str:
        calls = [f"{call.name}({call.arguments})" for call in self.tool_calls]
        return f"{self.speaker.value}: {' '.join([self.text, *calls]).strip()}"


_SPEAKERS = {"assistant": "agent", "system": "operator", "developer": "operator", "function": "tool"}
_ROLES = {"user": "user", "agent": "assistant", "operator": "system", "tool": "tool"}


def _text_of(content: Any) -> str:
    """The words of a content: a text, or parts of which some are text."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = [part if isinstance(part, str) else part.get("text", f"[{part.get('type', 'part')}]") for part in content]
    return "\n".join(parts)


def _call_of(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function", call)
    return {"id": call.get("id"), "name": function["name"], "arguments": function.get("arguments") or ""}


class EndingWords(Word):
    """An ending as a person reads it."""

    if TYPE_CHECKING:
        kind: EndingKind
        detail: Any

    def __str__(self) -> str:
        detail = self.detail.get("reason") if isinstance(self.detail, dict) else self.detail
        return self.kind.value.replace("_", " ") + (f": {detail}" if detail else "")


class GateWords(Word):
    """A gate stands in files as a word or as a member with its value."""

    if TYPE_CHECKING:
        kind: str
        what: str | None

        def __init__(self, *, kind: str = "open", what: str | None = None) -> None: ...

    @classmethod
    def open(cls) -> Self:
        """At any time after the opening."""
        return cls(kind="open")

    @classmethod
    def asked(cls, topic: str) -> Self:
        """When the agent asks for this topic."""
        return cls(kind="asked", what=topic)

    @classmethod
    def after(cls, fact: str) -> Self:
        """Once the fact with this id has been said."""
        return cls(kind="after", what=fact)

    @classmethod
    def when(cls, act: str) -> Self:
        """When the agent does this, such as `the agent says "market is open"`."""
        return cls(kind="when", what=act)

    @classmethod
    def never(cls) -> Self:
        """Never: the user knows it and keeps it."""
        return cls(kind="never")

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """A gate from plain data."""
        if isinstance(data, str):
            return cls(kind=data)
        [(kind, what)] = data.items()
        return cls(kind=kind, what=what)

    def to_dict(self) -> Any:
        """The gate as plain data."""
        return self.kind if self.what is None else {self.kind: self.what}

    def __str__(self) -> str:
        return self.kind if self.what is None else f"{self.kind}: {self.what}"


class HasCheck(Word):
    """What no code decides is a judge's, and its data says so."""

    _DESCRIBES = frozenset({"id", "text"})

    @property
    def is_judged(self) -> bool:
        """Whether it takes a judge."""
        return not set(super().to_dict()) - self._DESCRIBES

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """This word from plain data."""
        return super().from_dict({key: value for key, value in data.items() if key != "judged"})

    def to_dict(self) -> dict[str, Any]:
        """This word as plain data."""
        data = super().to_dict()
        return {**data, "judged": None} if self.is_judged else data


class JsonPathWords(Word):
    """What is looked for at a path is one of three."""

    if TYPE_CHECKING:
        equals: Any
        matches: str | None
        exists: bool

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """This word from plain data."""
        return super().from_dict({key: (True if key == "exists" else value) for key, value in data.items()})

    def to_dict(self) -> dict[str, Any]:
        """This word as plain data."""
        data = {key: value for key, value in super().to_dict().items() if key not in ("equals", "matches", "exists")}
        if self.exists:
            return {**data, "exists": None}
        return {**data, **({"equals": self.equals} if self.matches is None else {"matches": self.matches})}


class SessionWords(Word):
    """Ways to make a session."""

    if TYPE_CHECKING:
        id: str
        conversation: Conversation

    @classmethod
    def from_chat(cls, id: str, messages: Iterable[dict[str, Any]], **metadata: str) -> Self:
        """A session of chat messages, dicts with `role` and `content`."""
        conversation = Conversation.from_chat(messages)
        return cls.from_dict({"id": id, "messages": conversation, "metadata": metadata})


class SuiteWords(Word):
    """A suite is a file that a person reads, edits and keeps in git."""

    if TYPE_CHECKING:
        name: str | None
        cases: list[TestCase]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a suite: YAML, JSON or JSON lines, and what MLflow wrote. Raises `Error` at its first problem."""
        return cls.from_dict(_native.suite_load(path))

    @staticmethod
    def check(path: Path) -> list[Problem]:
        """All problems of a suite file, in the order of its lines; none where `load` reads it."""
        from .words import Problem

        return [Problem.from_dict(problem) for problem in _native.suite_check(path)]

    def save(self, path: Path) -> None:
        """Writes the suite, as YAML or as JSON lines by the name's ending, whole or not at all."""
        _native.suite_save(self.to_dict(), path)

    def to_yaml(self) -> str:
        """The suite as a person reads it."""
        return _native.suite_text(self.to_dict(), "yaml")

    def to_jsonl(self) -> str:
        """The suite as a case on each line."""
        return _native.suite_text(self.to_dict(), "jsonl")

    def __getitem__(self, id: str) -> TestCase:
        """The case with this id."""
        found = [case for case in self.cases if case.id == id]
        if not found:
            raise KeyError(f"there is no case `{id}`; there are {', '.join(case.id for case in self.cases)}")
        return found[0]

    def __iter__(self) -> Iterator[TestCase]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)


class DistilledWords(Word):
    """What was distilled is a suite to read and edit."""

    if TYPE_CHECKING:
        cases: list[TestCase]

    def suite(self, name: str | None = None) -> Suite:
        """The cases as a suite."""
        from .words import Suite

        return Suite(name=name, cases=list(self.cases))
