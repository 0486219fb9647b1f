"""Test cases in every form that MLflow takes them in, and in ours."""

from __future__ import annotations

import difflib
import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow.genai.datasets import EvaluationDataset

from reenact import Expectation, Suite, TestCase

from . import _guidelines

if TYPE_CHECKING:
    from pandas import DataFrame

    TestCases = list[dict[str, Any]] | DataFrame | EvaluationDataset | Suite | str | Path

RESERVED_CONTEXT_KEYS = ("input", "messages", "mlflow_session_id")
"""Arguments that the agent gets from the simulator."""

MLFLOW_KEYS = ("goal", "persona", "context", "expectations", "simulation_guidelines")
OWN_KEYS = ("id", "facts", "opening", "patience", "origin")
"""What a case may say besides; `docs/suite.md` tells what it means."""

CASE_TAG = "reenact.case"
"""The tag of a dataset's record that has the whole case, as a suite file has it."""

_logger = logging.getLogger(__name__)


def normalised(test_cases: TestCases) -> list[dict[str, Any]]:
    """The cases as dicts that have only what was given: no key whose value is missing, as frames have them."""
    return [_without_missing(case) for case in _as_dicts(test_cases)]


def check(cases: list[dict[str, Any]]) -> None:
    """Raises `ValueError` where a case cannot be simulated; names all that is wrong, and with which cases."""
    if not cases:
        raise ValueError("test_cases cannot be empty: give at least one case with a 'goal'")
    faults = [f"test case {at}: {fault}" for at, case in enumerate(cases) for fault in _faults(case)]
    if faults:
        raise ValueError("\n".join(faults))
    for at, case in enumerate(cases):
        for key in case.keys() - {*MLFLOW_KEYS, *OWN_KEYS}:
            near = difflib.get_close_matches(str(key), [*MLFLOW_KEYS, *OWN_KEYS], 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            _logger.warning("test case %d has a key that no simulator reads: '%s'%s", at, key, hint)


def in_a_run(case: Mapping[str, Any], id: str) -> dict[str, Any]:
    """A case as plain data of ours, with all that its user may know, and nothing else: what is expected of the agent is not told
    to whoever plays the user, and the context stays in this process.
    """
    told = _guidelines.read(_guidelines.listed(case.get("simulation_guidelines")))
    facts = [*case.get("facts", []), *told.get("facts", [])]
    brief = {
        "goal": case["goal"],
        "persona": case.get("persona"),
        "guidelines": told.get("simulation_guidelines", []),
        "facts": [{"gate": "open", **fact} for fact in facts],
        "opening": case.get("opening", told.get("opening")),
        "patience": case.get("patience", told.get("patience")),
    }
    # How the recorded user worded it stands in the evidence of where the case comes from.
    return {"id": id, "brief": brief, **({"origin": case["origin"]} if "origin" in case else {})}


def _as_dicts(test_cases: TestCases) -> list[Mapping[str, Any]]:
    from pandas import DataFrame

    if isinstance(test_cases, EvaluationDataset):
        return _of_dataset(test_cases)
    if isinstance(test_cases, DataFrame):
        return [{str(key): value for key, value in row.items()} for row in test_cases.to_dict("records")]
    if isinstance(test_cases, (str, Path, Suite)):
        return _of_suite(test_cases)
    return list(test_cases)


def expectations_of(case: TestCase) -> dict[str, Any]:
    """What is expected of the agent as MLflow has it: each id with its text, or with all there is of one that code decides."""

    def told(expectation: Expectation) -> Any:
        rest = {key: value for key, value in expectation.to_dict().items() if key not in ("id", "judged")}
        return rest["text"] if rest.keys() == {"text"} else rest

    return {expectation.id: told(expectation) for expectation in case.expectations}


def _of_dataset(dataset: EvaluationDataset) -> list[Mapping[str, Any]]:
    """The records, with the expectations that stand beside their inputs, and what a tag of ours keeps of the case."""
    records = [{str(key): it for key, it in row.items()} for row in dataset.to_df().to_dict("records")]
    if not records or not all("goal" in record["inputs"] for record in records):
        raise ValueError(
            "EvaluationDataset passed to ConversationSimulator must contain conversational test cases with a 'goal' "
            "field in the 'inputs' column"
        )
    return [_of_record(record) for record in records]


def _of_record(record: Mapping[str, Any]) -> dict[str, Any]:
    beside = {"expectations": record["expectations"]} if record.get("expectations") else {}
    tags = record.get("tags") or {}
    kept = json.loads(tags[CASE_TAG]) if isinstance(tags, Mapping) and CASE_TAG in tags else {}
    return {**{key: kept[key] for key in OWN_KEYS if key in kept}, **record["inputs"], **beside}


def _of_suite(suite: Suite | str | Path) -> list[Mapping[str, Any]]:
    suite = suite if isinstance(suite, Suite) else Suite.load(suite)
    return [_of_case(case) for case in suite.cases]


def _of_case(case: TestCase) -> dict[str, Any]:
    brief = case.brief.to_dict()
    brief["simulation_guidelines"] = brief.pop("guidelines", [])
    known = {"id": case.id, **brief, "context": case.context, "expectations": expectations_of(case)}
    if case.origin is not None:
        known["origin"] = case.origin.to_dict()
    return {key: value for key, value in known.items() if value not in ([], {})}


def _without_missing(case: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(case, Mapping):
        raise ValueError(f"a test case is a dict with a 'goal', not {type(case).__name__}")
    return {key: value for key, value in case.items() if not _is_missing(value)}


def _is_missing(value: Any) -> bool:
    import pandas

    return value is None or value is pandas.NA or (isinstance(value, float) and math.isnan(value))


def _faults(case: Mapping[str, Any]) -> list[str]:
    faults = []
    goal, context = case.get("goal"), case.get("context", {})
    if not isinstance(goal, str) or not goal.strip():
        faults.append(f"it must have 'goal', a text that says what the user wants; found {goal!r}")
    if not isinstance(context, Mapping):
        faults.append(f"'context' must be a dict of arguments for the agent, not {type(context).__name__}")
    else:
        reserved = [key for key in RESERVED_CONTEXT_KEYS if key in context]
        faults += [f"'context' has the key '{key}', which the simulator fills: rename it" for key in reserved]
    if not isinstance(case.get("expectations", {}), Mapping):
        faults.append("'expectations' must be a dict of names and expected values")
    for key in ("persona", "opening", "id"):
        if not isinstance(case.get(key, ""), str):
            faults.append(f"'{key}' must be a text, not {type(case[key]).__name__}")
    guidelines = case.get("simulation_guidelines", [])
    if not isinstance(guidelines, str) and not all(isinstance(it, str) for it in guidelines):
        faults.append("'simulation_guidelines' must be a text or a list of texts")
    return faults
