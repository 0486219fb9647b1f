"""One test for each case of a suite: `@reenact.cases("suite.yaml")` on a test function that takes `case`."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ._told import told
from .participants import Agent
from .report import Report
from .running import StoreLike, run
from .store import DEFAULT
from .words import Suite, TestCase

F = TypeVar("F", bound=Callable[..., Any])


class NotPassed(AssertionError):
    """A case did not pass: its expectations failed, or it could not be decided."""

    verdict: str
    """`failed`, `inconclusive`, `invalid` or `errored`."""
    report: Report
    """The report of its run."""

    def __init__(self, verdict: str, report: Report, text: str) -> None:
        super().__init__(text)
        self.verdict, self.report = verdict, report

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.verdict, self.report, str(self))


@dataclass
class Settings:
    """What the command line of pytest says; it goes before what `cases` says."""

    options: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    noted: Callable[[Report], None] | None = None


SETTINGS: list[Settings] = []
"""Those of the pytest that is running; more than one where a test runs pytest itself."""


@dataclass(frozen=True)
class Case:
    """A case as a test gets it."""

    test_case: TestCase
    """The case."""
    options: dict[str, Any] = field(default_factory=dict)
    """What `run` is told besides."""

    @property
    def id(self) -> str:
        """The case's id, which is also the id of the test."""
        return self.test_case.id

    def check(self, agent: Agent | str, **options: Any) -> Report:
        """Plays the case against an agent and judges it. `options` are those of `run`.

        Raises `NotPassed` unless every trial passed, or the threshold held; with the conversation, the reason and the cited turns.
        """
        __tracebackhide__ = True
        settings = SETTINGS[-1] if SETTINGS else Settings()
        chosen: dict[str, Any] = {**self.options, **options, **settings.options}
        chosen.setdefault("store", _store_in(settings.folder))
        chosen.setdefault("progress", False)
        threshold: float | None = chosen.pop("threshold", None)
        report = run(self.test_case, agent, **chosen)
        if settings.noted is not None:
            settings.noted(report)
        verdict, why = _held(report, threshold) if threshold is not None else (verdict_of(report), "")
        if verdict != "passed":
            raise NotPassed(verdict, report, told(report, why))
        return report


def verdict_of(report: Report) -> str:
    """What a report amounts to, in a word; what was held against the agent comes first."""
    if report.status.value != "undecided":
        return report.status.value
    counts = report.outcomes
    found = {"errored": counts.errored, "invalid": counts.invalid}
    return next((word for word, count in found.items() if count), "inconclusive")


def _held(report: Report, threshold: float) -> tuple[str, str]:
    """Whether the trials of the case show that it passes this often: the whole interval of its rate has to."""
    case = report.cases[0]
    if case.interval is None:
        return verdict_of(report), "no trial was decided"
    low, high = case.interval
    rate = f"{case.tally.passed} of {case.tally.decided} decided trials passed: {low:.0%} to {high:.0%}"
    if low >= threshold:
        return "passed", rate
    if high < threshold:
        return "failed", f"{rate}, which is below {threshold:.0%}"
    # Wilson's lower end for trials that all pass is n / (n + z²), with z = 1.96.
    needed = math.ceil(1.96**2 * threshold / (1 - threshold)) if threshold < 1 else None
    more = f"; {needed} trials that all pass would show it" if needed is not None else ""
    return "inconclusive", f"{rate}, which does not show {threshold:.0%}{more}"


def cases(suite: str | os.PathLike[str] | Suite | Iterable[TestCase], **options: Any) -> Callable[[F], F]:
    """One test for each case of a suite, with the case's id as its own.

    ```python
    @reenact.cases("suite.yaml", trials=3)
    def test_agent(case):
        case.check(agent)
    ```

    A path that is not absolute is looked for beside the file of the test. `options` are those of `run`; what the command line of pytest
    says (`--reenact-trials` and others) goes before them. A `threshold` is what the trials of each case have to show: the whole interval of
    the case's own pass rate is at or above it.
    """
    import pytest

    if isinstance(suite, (str, os.PathLike)):
        beside = Path(sys._getframe(1).f_code.co_filename).parent
        suite = Suite.load(beside / suite)
    found = [pytest.param(Case(case, options), id=case.id) for case in suite]
    return pytest.mark.parametrize("case", found)


def _store_in(folder: Path | None) -> StoreLike:
    return None if folder is None else folder / DEFAULT
