"""The errors that `reenact` raises; exceptions of your own code come back as themselves."""

from __future__ import annotations


class Error(Exception):
    """Something that cannot be done: what happened, where, and what to do about it, kept apart."""

    kind: str
    """`usage`, `input`, `io`, `store`, `model`, `divergence`, `interrupted` or `cap_reached`."""
    message: str
    """What happened, without the place."""
    hint: str | None
    """What to do about it, where that is known."""
    file: str | None
    """The file where the trouble is, where it is in one."""
    line: int | None
    """The line of that file, from 1, where one is known."""

    def __init__(
        self, kind: str, message: str, hint: str | None = None, file: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(kind, message, hint, file, line)
        self.kind, self.message, self.hint, self.file, self.line = kind, message, hint, file, line

    def __str__(self) -> str:
        place = "" if self.file is None else f"{self.file}: " if self.line is None else f"{self.file}:{self.line}: "
        return f"{place}{self.message}" + (f"\n  hint: {self.hint}" if self.hint else "")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped a run. Nothing that was answered is lost, and `resume` goes on with it."""

    run: str
    """The run's id."""
    store: str
    """The file that keeps it."""

    def __init__(self, run: str, store: str) -> None:
        super().__init__(run, store)
        self.run, self.store = run, store

    def __str__(self) -> str:
        return f'the run was stopped and nothing is lost; go on with reenact.resume("{self.run}", agent, store="{self.store}")'
