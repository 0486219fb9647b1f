"""The store: one file that keeps sessions, runs and the answers that they were made of."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _native
from ._word import plain
from .report import Report
from .words import Imported, Session, SessionSummary

if TYPE_CHECKING:
    import pandas

DEFAULT = Path(".reenact") / "store.db"
"""Where the command `reenact` keeps its store, and `Store()` too."""


class Store:
    """The one file that keeps sessions, runs and journals. Many threads and processes may use it at once.

    The command `reenact` reads and writes the same file.
    """

    def __init__(self, path: str | os.PathLike[str] = DEFAULT) -> None:
        """Opens a store, and makes the file and its folder where there are none."""
        self._native = _native.Store(path)

    @classmethod
    def temporary(cls) -> Store:
        """A store of which nothing stays, for tests and for work that is done once."""
        store = cls.__new__(cls)
        store._native = _native.Store()
        return store

    @classmethod
    def of(cls, store: Store | str | os.PathLike[str] | None) -> Store:
        """A store as it is, or the one at a path, or without either the one of the command."""
        return store if isinstance(store, Store) else cls(DEFAULT if store is None else store)

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._native.path())

    def import_(
        self, *inputs: str | os.PathLike[str] | bytes, format: str | None = None, strict: bool = False
    ) -> Imported:
        """Reads recorded conversations: files and folders by their paths, or what they hold as `bytes`.

        The content tells the format, unless `format` does. What cannot be used is counted and named in the result; with `strict`
        nothing is written then. Reading the same again changes nothing.
        """
        taken = [("<bytes>", it) if isinstance(it, bytes) else (os.fspath(it), None) for it in inputs]
        return Imported.from_dict(self._native.import_(taken, format, strict))

    def put(self, sessions: Session | Iterable[Session] | pandas.DataFrame) -> int:
        """Puts sessions by their ids, and gives their number. A DataFrame has the columns that `frames.sessions` tells of."""
        from .frames import is_frame, sessions_of

        taken = [sessions] if isinstance(sessions, Session) else sessions
        listed: list[Session] = sessions_of(taken) if is_frame(taken) else list(taken)  # type: ignore[arg-type]
        self._native.put(plain(listed))
        return len(listed)

    def sessions(self, query: str = "", *, limit: int | None = None) -> list[Session]:
        """The sessions that a query finds, such as `refund turns>=3`; all of them without one."""
        return [Session.from_dict(session) for session in self._native.sessions(query, limit)]

    def summaries(self, query: str = "", *, limit: int | None = None) -> list[SessionSummary]:
        """What a query finds without its messages, the newest first: fast where there are many."""
        return [SessionSummary.from_dict(summary) for summary in self._native.summaries(query, limit)]

    def session(self, id: str) -> Session:
        """One session, by its id or the start of it."""
        return Session.from_dict(self._native.session(id))

    def runs(self) -> list[dict[str, Any]]:
        """The runs, the newest first, each in a line: `id`, `created_at`, `suite`, `agent`, `planned`, `outcomes`, `finished`."""
        return self._native.runs()

    def report(self, run: str = "latest") -> Report:
        """A stored run, by its id or the start of it, reported again."""
        return Report.from_dict(self._native.output(run))

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return Store, (str(self.path),)
