"""What a simulated user knows, as guidelines that MLflow keeps and every simulator understands, and back again.

MLflow's test cases and datasets have four keys (`goal`, `persona`, `context`, `simulation_guidelines`) and refuse others. So a fact, its
gate, the opening and the patience are written as one sentence each among the guidelines, of a form that is found again: what goes
through a dataset comes back as it was, and a simulator that knows no facts still reads what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_QUOTED = r'("(?:[^"\\]|\\.)*")'
_ASKED = re.compile(rf"Before the assistant asks for {_QUOTED}, do not say: (.+)", re.DOTALL)
_AFTER = re.compile(rf"Before you have said {_QUOTED}, do not say: (.+)", re.DOTALL)
_WHEN = re.compile(rf"Before this happens, {_QUOTED}, do not say: (.+)", re.DOTALL)
_NEVER = re.compile(r"You know this and never say it: (.+)", re.DOTALL)
_OPEN = re.compile(r"You know this and may say it at any time: (.+)", re.DOTALL)
_OPENING = re.compile(r"Begin with these very words: (.+)", re.DOTALL)
_PATIENCE = re.compile(r"Give up once (\d+) questions? stayed unanswered")

_Part = dict[str, Any]


def written(case: _Part) -> list[str]:
    """The guidelines of a case in the form of a suite file, with what it knows besides written as further ones."""
    guidelines = listed(case.get("simulation_guidelines"))
    facts = case.get("facts") or []
    texts = {fact["id"]: fact["text"] for fact in facts}
    guidelines += [_sentence(fact["text"], fact.get("gate", "open"), texts) for fact in facts]
    if case.get("opening"):
        guidelines.append(f"Begin with these very words: {case['opening']}")
    if case.get("patience") is not None:
        count = case["patience"]
        guidelines.append(f"Give up once {count} question{'s' if count != 1 else ''} stayed unanswered")
    return guidelines


def read(guidelines: Iterable[str]) -> _Part:
    """What guidelines say, as keys of a case in the form of a suite file."""
    said: _Part = {"simulation_guidelines": [], "facts": []}
    for guideline in guidelines:
        if found := _OPENING.fullmatch(guideline):
            said["opening"] = found[1]
        elif found := _PATIENCE.fullmatch(guideline):
            said["patience"] = int(found[1])
        elif fact := _fact(guideline):
            said["facts"].append({"id": f"fact-{len(said['facts']) + 1}", **fact})
        else:
            said["simulation_guidelines"].append(guideline)
    ids = {fact["text"]: fact["id"] for fact in said["facts"]}
    for fact in said["facts"]:
        gate = fact["gate"]
        if isinstance(gate, dict) and "after" in gate:
            # What waits for something that is not told here waits for nothing that could come.
            fact["gate"] = {"after": ids[gate["after"]]} if gate["after"] in ids else "never"
    return {key: value for key, value in said.items() if value}


def listed(guidelines: Any) -> list[str]:
    """Guidelines as a list, where there may be none, one text or several."""
    if not guidelines:
        return []
    return [guidelines] if isinstance(guidelines, str) else list(guidelines)


def _sentence(text: str, gate: Any, texts: dict[str, str]) -> str:
    if gate == "open":
        return f"You know this and may say it at any time: {text}"
    if gate == "never":
        return f"You know this and never say it: {text}"
    [(kind, what)] = gate.items()
    match kind:
        case "asked":
            return f"Before the assistant asks for {_quoted(what)}, do not say: {text}"
        case "after":
            return f"Before you have said {_quoted(texts.get(what, what))}, do not say: {text}"
        case "when":
            return f"Before this happens, {_quoted(what)}, do not say: {text}"
        case _:
            raise ValueError(f"a fact has the unknown gate {gate!r}")


def _fact(guideline: str) -> _Part | None:
    for form, kind in ((_ASKED, "asked"), (_AFTER, "after"), (_WHEN, "when")):
        if found := form.fullmatch(guideline):
            return {"text": found[2], "gate": {kind: json.loads(found[1])}}
    for form, gate in ((_NEVER, "never"), (_OPEN, "open")):
        if found := form.fullmatch(guideline):
            return {"text": found[1], "gate": gate}
    return None


def _quoted(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)
