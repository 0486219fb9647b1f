"""What a run amounts to, with the run and the trials that it was computed from."""

from __future__ import annotations

import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _native
from ._word import Word, arguments_of
from .words import Comparison, Figures, Run, Trial

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Self

    from .store import Store


@dataclass(frozen=True)
class Raised:
    """An exception of your own code that was kept with its trial, as it was raised."""

    role: str
    """Whose code: `agent`, `user` or `judge`."""
    case: str
    """The case's id; empty where it is not known."""
    session_id: str
    """The simulated session; empty where it is not known."""
    error: BaseException
    """The exception, with its traceback."""


@dataclass(kw_only=True)
class Report(Figures):
    """What a run amounts to: its figures, the run and every trial.

    It is made of what is stored, so that a stored run can be reported again at any time (`Store.report`).
    """

    run: Run
    """The plan and the cases."""
    trials: list[Trial]
    """What was tried, in the order of the cases."""
    exceptions: list[Raised] = field(default_factory=list, compare=False, repr=False, metadata={"apart": True})
    """Exceptions of your own code that were kept; known to the process that ran it, and not stored."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """A report from what `run --json` prints."""
        figures = {key: value for key, value in data["report"].items() if key != "run"}
        run, trials = Run.from_dict(data["run"]), [Trial.from_dict(trial) for trial in data["trials"]]
        return cls(**arguments_of(Figures, figures), run=run, trials=trials)

    def to_dict(self) -> dict[str, Any]:
        """The report as `run --json` prints it: `run`, `trials` and `report`."""
        figures = Word.to_dict(self)
        run, trials = figures.pop("run"), figures.pop("trials")
        return {"run": run, "trials": trials, "report": {"run": self.run.id, **figures}}

    @property
    def headline(self) -> str:
        """What came of it, in a sentence."""
        return _native.render(self.to_dict(), "headline", [])

    @property
    def passed(self) -> bool:
        """Whether all that was planned was done and passed, or the threshold held."""
        return self.status.value == "passed"

    def of_case(self, case: str) -> list[Trial]:
        """The trials of a case, in order."""
        return [trial for trial in self.trials if trial.case == case]

    def to_junit(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as JUnit XML, also written to a file where one is named."""
        return _written(_native.render(self.to_dict(), "junit", []), path)

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as Markdown, also written to a file where one is named."""
        return _written(_native.render(self.to_dict(), "markdown", []), path)

    def to_html(self, path: str | os.PathLike[str] | None = None, *, store: Store | None = None) -> str:
        """The report as one HTML page, also written to a file where one is named. With the store, recordings stand beside trials."""
        origins = [case.origin.session for case in self.run.suite.cases if case.origin is not None]
        sessions = [] if store is None else store._native.origins(origins)
        return _written(_native.render(self.to_dict(), "html", sessions), path)

    def to_pandas(self, of: str = "trials") -> pandas.DataFrame:
        """The trials, or with `of="assessments"` the assessments, as a DataFrame. It takes pandas."""
        from .frames import assessments_frame, trials_frame

        if of not in ("trials", "assessments"):
            raise ValueError(f"a DataFrame is of `trials` or of `assessments`, not of `{of}`")
        return trials_frame(self) if of == "trials" else assessments_frame(self)

    def __str__(self) -> str:
        why = [f"  {case.case}: {case.first_failure.reason}" for case in self.cases if case.first_failure is not None]
        return "\n".join([self.headline, *why])

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        return self.to_markdown()


# Whoever reads the signature does so in the names of this module, and most of its types are of another.
getattr(Report, "__init__").__annotations__.update(typing.get_type_hints(getattr(Figures, "__init__")))  # noqa: B009


def diff(baseline: Report, candidate: Report, *, margin: float | None = None) -> Comparison:
    """Two runs of the same cases, compared: fixed, broken and unchanged, and whether the difference is more than chance.

    With `margin` the question is whether the candidate's pass rate is no more than that below the baseline's.
    """
    return Comparison.from_dict(_native.diff(baseline.to_dict(), candidate.to_dict(), margin))


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
