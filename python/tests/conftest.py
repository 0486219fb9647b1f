"""What the tests share: a recording, a suite, and an agent that does well or badly with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import reenact

pytest_plugins = ["pytester"]

RECORDED = {
    "session_id": "s-1041",
    "messages": [
        {"role": "user", "content": "my parcel 4711 never came, I want my money back"},
        {
            "role": "assistant",
            "content": "Parcel 4711 was delivered on Monday. Is there anything else I can do for you?",
        },
        {"role": "user", "content": "That's not true, it was not delivered. I was at home all day."},
        {"role": "assistant", "content": "You are right, the driver did not find the house. I have refunded you."},
        {"role": "user", "content": "thanks"},
    ],
}

SUITE = """\
suite: parcels
cases:
  - id: never-came
    goal: my parcel 4711 never came, I want my money back
    opening: my parcel 4711 never came, I want my money back
    facts:
      - id: at-home
        text: That's not true, it was not delivered. I was at home all day.
        gate: { when: the agent says "delivered on Monday" }
    expectations:
      - id: does-not-insist
        text: The agent does not say that the parcel was delivered
        must_not_match: (?i)was delivered
  - id: new-address
    goal: can you change the delivery address of order 5120?
    context: { shop: Leeds }
    facts:
      - id: elm-street
        text: 7 Elm Street, Leeds
        gate: { asked: new address }
    expectations:
      - id: confirms
        contains: 7 Elm Street
"""


def good(message: str) -> str:
    """An agent that does what is expected."""
    if "4711" in message:
        return "I am sorry. I have refunded parcel 4711."
    return "Done, it goes to 7 Elm Street." if "Elm" in message else "Of course. What is the new address?"


def stubborn(message: str) -> str:
    """An agent with the bug of the recording."""
    if "4711" in message or "not true" in message:
        return "Parcel 4711 was delivered on Monday. Is there anything else?"
    return good(message)


@pytest.fixture
def recording() -> bytes:
    return json.dumps(RECORDED).encode()


@pytest.fixture
def store() -> reenact.Store:
    return reenact.Store.temporary()


@pytest.fixture
def suite(tmp_path: Path) -> reenact.Suite:
    file = tmp_path / "parcels.yaml"
    file.write_text(SUITE)
    return reenact.Suite.load(file)


def a_case(id: str = "any", **more: object) -> reenact.TestCase:
    """A case of which nothing is expected but a word of the agent."""
    data = {
        "id": id,
        "brief": {"goal": "say hello", "opening": "hello"},
        "expectations": [{"id": "speaks", "contains": "hi"}],
    }
    return reenact.TestCase.from_dict({**data, **more})
