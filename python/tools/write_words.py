"""Writes `python/reenact/words.py` from the published schemas in `docs/schema`.

The schemas are made from the Rust types, with their documentation, and Rust's tests keep them true; so the Python classes cannot
differ from what is stored, printed and sent. A test runs this with `--check`.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "python" / "reenact" / "words.py"

HEADER = '''\
"""The words of reenact as plain classes: what is stored, printed with `--json` and handed to your code.

Each class is a dataclass with `to_dict` and `from_dict`, in the form of the published schemas. Times are texts in the form of
RFC 3339, and money is an exact `decimal.Decimal`.
"""

# Written by python/tools/write_words.py from docs/schema. Do not edit.

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from ._ways import (
    Conversation,
    DistilledWords,
    EndingWords,
    GateWords,
    HasCheck,
    JsonPathWords,
    MessageWords,
    SessionWords,
    SuiteWords,
)
from ._word import Word


'''

# Classes with ways of their own, which stand in `_ways.py`.
BASES = {
    "Message": "MessageWords",
    "Ending": "EndingWords",
    "Gate": "GateWords",
    "Check": "HasCheck",
    "Expectation": "HasCheck",
    "JsonPathCheck": "JsonPathWords",
    "Session": "SessionWords",
    "Suite": "SuiteWords",
    "Distilled": "DistilledWords",
}
# Values of several forms, which Python has as they are.
AS_JSON = {"Asks", "BuiltIn", "OnMiss", "Passes", "ValueType"}
BY_HAND = {"Conversation", "Usd", *AS_JSON}
# Names that read better in Python, or that it cannot have.
RENAMED = {("Session", "messages"): "conversation", ("JsonPathCheck", "in"): "part"}
# What a schema does not tell of what is left out.
DEFAULTS = {
    ("Assessment", "decides"): "True",
    ("Plan", "user"): "UserKind.SIMULATED",
    ("Plan", "agent"): '"recorded"',
    ("Plan", "user_model"): '"offline"',
    ("Plan", "judging"): "field(default_factory=lambda: Judging())",
    ("Plan", "trials"): "1",
    ("Plan", "attempts"): "3",
    ("Plan", "max_turns"): "20",
    ("Plan", "concurrency"): "16",
    ("Plan", "seed"): "0",
    ("Plan", "agent_timeout_seconds"): "120",
    ("Judging", "models"): 'field(default_factory=lambda: ["offline"])',
    ("Provenance", "reenact"): '""',
    ("Gate", "kind"): '"open"',
    ("Origin", "alike"): "0",
    ("Report", "discarded"): "0",
    ("JsonPathCheck", "exists"): "False",
}


def main() -> int:
    text = words()
    if "--check" in sys.argv:
        return 0 if TARGET.read_text() == text else 1
    TARGET.write_text(text)
    return 0


def words() -> str:
    # Words that stand for themselves come first: the defaults of others are among them.
    classes = sorted((holds(schema), name, class_of(name, schema)) for name, schema in schemas().items())
    return HEADER + "\n\n\n".join(text for _, _, text in classes) + "\n"


def schemas() -> dict[str, dict[str, Any]]:
    """All types, by the name of their class."""
    found: dict[str, dict[str, Any]] = {}
    for file in ("run", "diff", "session", "sessions", "import", "check"):
        schema = published(file)
        found |= schema["$defs"]
        if file not in ("sessions", "check"):
            found[schema["title"]] = schema
    told = published("distill")
    of_distilled = ("cases", "skipped", "dropped", "cost", "splits", "back_tests")
    properties = {name: told["properties"][name] for name in of_distilled}
    required = [name for name in told.get("required", []) if name in properties]
    description = "What a distillation gives: each session is a case, or is among the skipped."
    found["Distilled"] = {"type": "object", "description": description, "properties": properties, "required": required}
    add_reachable(found["Distilled"], told["$defs"], found)
    # The report of Python holds its run and its trials, and stands in `report.py`.
    found["Figures"] = figures(found.pop("Report"))
    del found["RunOutput"]
    found["Ending"] = {
        "description": found["Ending"]["description"],
        "properties": {
            "kind": {"description": "What happened.", "$ref": "#/$defs/EndingKind"},
            "detail": {"description": "More about it: the agent's fault, or a text."},
        },
        "required": ["kind"],
    }
    found["Gate"] = {
        "description": found["Gate"]["description"],
        "properties": {
            "kind": {"description": "`open`, `asked`, `after`, `when` or `never`.", "type": "string"},
            "what": {"description": "The topic, the id or what the agent does.", "type": ["string", "null"]},
        },
    }
    return {name: schema for name, schema in found.items() if name not in BY_HAND}


def published(file: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((ROOT / "docs" / "schema" / f"{file}.json").read_text())
    return schema


def figures(report: dict[str, Any]) -> dict[str, Any]:
    properties = {name: schema for name, schema in report["properties"].items() if name != "run"}
    required = [name for name in report["required"] if name != "run"]
    return {
        **report,
        "description": "What a run amounts to, in figures.",
        "properties": properties,
        "required": required,
    }


def add_reachable(schema: Any, defs: dict[str, Any], found: dict[str, Any]) -> None:
    for name in re.findall(r'#/\$defs/(\w+)"', json.dumps(schema)):
        if name not in found:
            found[name] = defs[name]
            add_reachable(defs[name], defs, found)


def class_of(name: str, schema: dict[str, Any]) -> str:
    return dataclass_of(name, schema) if holds(schema) else enum_of(name, schema)


def holds(schema: dict[str, Any]) -> bool:
    """Whether it has members, and is no word of a list."""
    return "properties" in schema or any("properties" in variant for variant in schema.get("oneOf", []))


def enum_of(name: str, schema: dict[str, Any]) -> str:
    members = [(value, "") for value in schema.get("enum", [])]
    members += [(variant["const"], variant.get("description", "")) for variant in schema.get("oneOf", [])]
    lines = [f"class {name}(str, Enum):", doc(schema.get("description", ""), name)]
    for value, about in members:
        lines.append(f'    {constant(value)} = "{value}"')
        if about:
            lines.append(doc(about, value))
    lines.append("\n    def __str__(self) -> str:\n        return str(self.value)")
    return "\n".join(lines)


def constant(value: str) -> str:
    return re.sub(r"\W", "_", value).upper()


def dataclass_of(name: str, schema: dict[str, Any]) -> str:
    lines = ["@dataclass(kw_only=True)", f"class {name}({BASES.get(name, 'Word')}):"]
    lines.append(doc(schema.get("description", ""), name))
    required = set(schema.get("required", []))
    for key, of in schema.get("properties", {}).items():
        lines += field_of(name, key, of, required=key in required)
    for variant in schema.get("oneOf", []):
        for key, of in variant_fields(variant):
            lines += field_of(name, key, of, required=False)
    return "\n".join(lines)


def variant_fields(variant: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What one of several forms adds: a member, or a word that stands alone."""
    about = variant.get("description", "")
    if variant.get("const") == "judged":
        return []
    if "const" in variant:
        return [(variant["const"], {"type": "boolean", "description": about, "default": False})]
    members = variant["properties"].items()
    with_doc = [(key, {"description": about, **(of if isinstance(of, dict) else {})}) for key, of in members]
    return [(key, {"anyOf": [of, {"type": "null"}], **of_doc(of)}) for key, of in with_doc if key != "judged"]


def of_doc(of: dict[str, Any]) -> dict[str, Any]:
    return {"description": of["description"]}


def field_of(name: str, key: str, of: dict[str, Any], *, required: bool) -> list[str]:
    attribute = RENAMED.get((name, key), key)
    metadata = {} if attribute == key else {"key": key}
    kind = type_of(of)
    default = DEFAULTS.get((name, key)) or (None if required else default_of(of, kind))
    if not required and default == "None" and "None" not in kind and kind != "Any":
        kind += " | None"
    line = f"    {attribute}: {kind}"
    if metadata or (required and default is None):
        arguments = [] if default is None else [default_argument(default)]
        arguments.append(f"metadata={metadata | ({'required': True} if required else {})!r}")
        line += f" = field({', '.join(arguments)})" if metadata else ""
    elif default is not None:
        line += f" = {default}"
    about = of.get("description", "")
    return [line, doc(about, key)] if about else [line]


def default_argument(default: str) -> str:
    return default[6:-1] if default.startswith("field(") else f"default={default}"


def default_of(of: dict[str, Any], kind: str) -> str:
    if "default" in of and "$ref" in of and kind not in ("Any", "Gate") and isinstance(of["default"], str):
        return f"{kind}.{constant(of['default'])}"
    if "default" in of and kind != "Gate" and not isinstance(of["default"], (dict, list)):
        return repr(of["default"])
    if kind.startswith("list["):
        return "field(default_factory=list)"
    if kind.startswith("dict["):
        return "field(default_factory=dict)"
    if kind == "Conversation":
        return "field(default_factory=Conversation)"
    if "$ref" in of and kind in ("Staging", "Gate", "Provenance"):
        return f"field(default_factory=lambda: {kind}())"
    if of.get("type") in ("string", "integer"):
        return '""' if kind == "str" else "0"
    return "None"


def type_of(of: Any) -> str:
    if not isinstance(of, dict):
        return "Any"
    if "$ref" in of:
        name = of["$ref"].rsplit("/", 1)[1]
        return "Decimal" if name == "Usd" else "Any" if name in AS_JSON else name
    if "anyOf" in of:
        inner = [type_of(part) for part in of["anyOf"] if part != {"type": "null"}]
        return " | ".join(inner) + " | None" if "Any" not in inner else "Any"
    kind = of.get("type")
    if isinstance(kind, list):
        named = [type_of({**of, "type": part}) for part in kind if part != "null"]
        return " | ".join(named) + " | None"
    if kind == "array":
        return f"list[{type_of(of.get('items', {}))}]"
    if kind == "object":
        return f"dict[str, {type_of(of.get('additionalProperties'))}]"
    return {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}.get(kind or "", "Any")


def doc(text: str, name: str) -> str:
    """A docstring: without the examples in Rust, and without its links."""
    text = text.split("```")[0].strip()
    text = re.sub(r"\[`([^`\]]+)`\](\([^)]*\))?", lambda match: f"`{match[1].replace('::', '.')}`", text)
    text = " ".join(text.split()) or f"`{name}`."
    wrapped = textwrap.fill(f'"""{text}"""', width=116, initial_indent="    ", subsequent_indent="    ")
    return wrapped.replace("\\", "\\\\")


if __name__ == "__main__":
    sys.exit(main())
