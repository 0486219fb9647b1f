"""How a word becomes plain data and comes back: by its type hints, so that no class says it twice."""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self

Reader = Callable[[Any], Any]


class Word:
    """What every word can do: become plain data, and come back from it."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """This word from plain data, in the form of the published schemas.

        Raises `ValueError` where a member is missing or is none of this word's.
        """
        return cls(**arguments_of(cls, data))

    def to_dict(self) -> dict[str, Any]:
        """This word as plain data: dicts, lists, texts, numbers. What is empty is left out."""
        data: dict[str, Any] = {}
        cls: Any = type(self)
        for name, key, may_go in _members(cls):
            value = plain(getattr(self, name))
            if not (may_go and (value is None or value == [] or value == {})):
                data[key] = value
        return data

    def to_json(self) -> str:
        """This word as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


def plain(value: Any) -> Any:
    """Any value made of words as plain data."""
    if isinstance(value, (str, bool, int, float)) or value is None:
        return value.value if isinstance(value, Enum) else value
    to_dict = getattr(value, "to_dict", None)
    if to_dict is not None:
        return to_dict()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is no part of a word: {value!r}")


@functools.cache
def _members(cls: Any) -> tuple[tuple[str, str, bool], ...]:
    """Each attribute that is data, its key, and whether it may be left out."""
    fields = [it for it in dataclasses.fields(cls) if not it.metadata.get("apart")]
    return tuple((it.name, it.metadata.get("key", it.name), _has_default(it)) for it in fields)


def _has_default(it: dataclasses.Field[Any]) -> bool:
    return it.default is not dataclasses.MISSING or it.default_factory is not dataclasses.MISSING


def arguments_of(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    readers = _readers(cls)
    arguments = {}
    for key, value in data.items():
        if key not in readers:
            raise ValueError(f"{cls.__name__} has no `{key}`; it has {', '.join(sorted(readers))}")
        name, read = readers[key]
        arguments[name] = value if read is None else read(value)
    missing = [key for name, key, may_go in _members(cls) if not may_go and name not in arguments]
    if missing:
        raise ValueError(f"{cls.__name__} needs `{missing[0]}`")
    return arguments


@functools.cache
def _readers(cls: Any) -> dict[str, tuple[str, Reader | None]]:
    hints = typing.get_type_hints(cls)
    return {key: (name, _reader(hints[name])) for name, key, _ in _members(cls)}


def _reader(hint: Any) -> Reader | None:
    """What makes plain data of a type; nothing where it is that already."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _optional([part for part in inner if part is not type(None)])
    if origin is list:
        return _of_each(_reader(inner[0]))
    if origin is dict:
        return _of_values(_reader(inner[1]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if hint is Decimal:
        return Decimal
    return _read_as(hint) if isinstance(hint, type) and hasattr(hint, "from_dict") else None


def _of_each(read: Reader | None) -> Reader:
    return list if read is None else lambda items: [read(item) for item in items]


def _of_values(read: Reader | None) -> Reader | None:
    return None if read is None else lambda items: {key: read(item) for key, item in items.items()}


def _read_as(word: Any) -> Reader:
    def read(value: Any) -> Any:
        return value if isinstance(value, word) else word.from_dict(value)

    return read


def _optional(parts: list[Any]) -> Reader | None:
    read = _reader(parts[0]) if len(parts) == 1 else None
    return None if read is None else functools.partial(_unless_none, read)


def _unless_none(read: Reader, value: Any) -> Any:
    return None if value is None else read(value)
