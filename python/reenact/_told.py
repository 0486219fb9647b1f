"""A report of one case for whoever reads a failed test: why, the conversation with the cited turns marked, and where to look further."""

from __future__ import annotations

import textwrap

from .report import Report
from .words import Assessment, Outcome, Trial

_WIDTH = 100


def told(report: Report, why: str = "") -> str:
    """Why a report is no pass. The trial that is shown is the first that shows it."""
    shown = next((trial for trial in report.trials if trial.outcome != Outcome.PASSED), None)
    if shown is None:
        return f"case {report.cases[0].case} inconclusive: {why or report.headline}"
    lines = [_headline(report, shown) + (f"; {why}" if why else ""), ""]
    lines += [
        line for assessment in shown.assessments if _matters(shown, assessment) for line in _why(report, assessment)
    ]
    lines += ["", f"conversation of trial {shown.trial}, which ended: {shown.ending}"]
    cited = {turn for assessment in shown.assessments if _matters(shown, assessment) for turn in assessment.turns}
    lines += _conversation(shown, cited)
    lines += [
        "",
        f"run {report.run.id}; `reenact show {report.run.id}/{shown.case}/{shown.trial}` has it beside the recording",
    ]
    return "\n".join(lines)


def _headline(report: Report, shown: Trial) -> str:
    words = {
        "failed": "an expectation was not met",
        "inconclusive": "it could not be decided",
        "invalid": "the simulated user misbehaved, which says nothing about the agent",
        "errored": "the conversation broke off, which says nothing about the agent",
    }
    counts = [(outcome, getattr(report.outcomes, outcome)) for outcome in ("passed", *words)]
    several = ", ".join(f"{count} {outcome}" for outcome, count in counts if count)
    trials = f" (of {report.trials_done} trials: {several})" if report.trials_done > 1 else ""
    return f"case {shown.case} {shown.outcome}: {words[shown.outcome.value]}{trials}"


def _matters(trial: Trial, assessment: Assessment) -> bool:
    """Whether an assessment is among those that made the outcome."""
    wanted = "fail" if trial.outcome == Outcome.FAILED else "inconclusive"
    return assessment.decides and assessment.verdict.value == wanted


def _why(report: Report, assessment: Assessment) -> list[str]:
    statements = {it.id: it.text for case in report.run.suite.cases for it in case.expectations}
    statement = statements.get(assessment.expectation)
    turns = ", ".join(map(str, assessment.turns))
    cited = f", turn{'s' if len(assessment.turns) > 1 else ''} {turns}" if turns else ""
    return [
        f"  {assessment.verdict} {assessment.expectation}" + (f": {statement}" if statement else ""),
        f"       {assessment.reason} [{assessment.judge}{cited}]",
    ]


def _conversation(trial: Trial, cited: set[int]) -> list[str]:
    lines, turn = [], 0
    for message in trial.conversation:
        turn += message.speaker == "user"
        mark = ">" if turn in cited and message.speaker != "user" else " "
        label = f"{mark} {turn if message.speaker == 'user' else '':>3} {message.speaker.value:<9}"
        _, _, words = str(message).partition(": ")
        wrapped = textwrap.wrap(words, _WIDTH - len(label)) or [""]
        lines += [label + wrapped[0], *(" " * len(label) + line for line in wrapped[1:])]
    return lines
