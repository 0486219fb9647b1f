"""What the tests play with: a recording, a suite, a case, and agents that do well or badly with them."""

from __future__ import annotations

import reenact

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


def a_case(id: str = "any", **more: object) -> reenact.TestCase:
    """A case of which nothing is expected but a word of the agent."""
    data = {
        "id": id,
        "brief": {"goal": "say hello", "opening": "hello"},
        "expectations": [{"id": "speaks", "contains": "hi"}],
    }
    return reenact.TestCase.from_dict({**data, **more})
