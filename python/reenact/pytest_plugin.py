"""The pytest plugin: options on the command line, words of its own for what is no pass, and properties in JUnit XML."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .report import Report

_OPTIONS: dict[str, tuple[Any, str]] = {
    "trials": (int, "how often each case is tried"),
    "threshold": (float, "the pass rate, 0 to 1, that the trials of a case are held to"),
    "user": (str, "what plays the users: a model's name, or offline"),
    "judge": (str, "what judges where no code decides: a model's name, or offline"),
    "seed": (int, "where the seeds of the trials start"),
    "max-turns": (int, "user messages in one conversation at the most"),
    "concurrency": (int, "conversations of one case at once"),
    "store": (str, "the file that keeps the runs [.reenact/store.db in pytest's root folder]"),
}
_OUTCOME: pytest.StashKey[str] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of `run`, each as `--reenact-…` and as a setting of the same name in pytest's own file."""
    group = parser.getgroup("reenact", "cases of reenact")
    for name, (kind, about) in _OPTIONS.items():
        group.addoption(f"--reenact-{name}", type=kind, default=None, metavar=name.upper(), help=about)
        parser.addini(f"reenact_{_key(name)}", about, type="string", default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Takes in what the command line and pytest's file say."""
    from .testing import SETTINGS, Settings

    options = {}
    for name, (kind, _) in _OPTIONS.items():
        said = config.getoption(f"--reenact-{name}")
        said = said if said is not None else config.getini(f"reenact_{_key(name)}") or None
        if said is not None:
            options[_key(name)] = kind(said)
    SETTINGS.append(Settings(options, config.rootpath))


def pytest_unconfigure() -> None:
    """Forgets it."""
    from .testing import SETTINGS

    SETTINGS.pop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Notes what a case came to with its test, for JUnit XML, and shows a case that did not pass without frames."""
    from .testing import SETTINGS, NotPassed

    settings = SETTINGS[-1]
    settings.noted = lambda report: item.user_properties.extend(_properties(report))
    try:
        return (yield)
    except NotPassed as not_passed:
        item.stash[_OUTCOME] = not_passed.verdict
        raise pytest.fail.Exception(str(not_passed), pytrace=False) from None
    finally:
        settings.noted = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hands on what a case came to, also from one process to another."""
    report = yield
    if report.when == "call" and _OUTCOME in item.stash:
        report.reenact_verdict = item.stash[_OUTCOME]  # type: ignore[attr-defined]
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """A case that says nothing about the agent is an error, and one that could not be decided has a word of its own."""
    verdict = getattr(report, "reenact_verdict", None)
    if verdict is None or verdict == "failed":
        return None
    return ("failed", "?", "INCONCLUSIVE") if verdict == "inconclusive" else ("error", "E", verdict.upper())


def _properties(report: Report) -> list[tuple[str, object]]:
    counts = report.outcomes
    told: dict[str, object] = {
        "reenact.case": report.run.suite.cases[0].id,
        "reenact.run": report.run.id,
        "reenact.status": report.status.value,
        "reenact.trials": report.trials_done,
        "reenact.seed": report.run.plan.seed,
        "reenact.agent": report.run.plan.agent,
        "reenact.user": report.run.plan.user_model,
        "reenact.judge": ", ".join(report.run.plan.judging.models),
    }
    outcomes = ("passed", "failed", "inconclusive", "invalid", "errored")
    told |= {f"reenact.{outcome}": getattr(counts, outcome) for outcome in outcomes}
    return list(told.items())


def _key(name: str) -> str:
    return name.replace("-", "_")
