"""How far a run is, in one line that is written over and over; only where somebody looks."""

from __future__ import annotations

import sys
import time
from typing import Any


def is_watched() -> bool:
    """Whether somebody looks: a terminal, or a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class Progress:
    """A line on stderr: trials done, what they came to, what they cost, and how long it may take still."""

    def __init__(self, what: str, *, shown: bool) -> None:
        self._what, self._shown = what, shown
        self._planned, self._before, self._done = 0, 0, 0
        self._outcomes: dict[str, int] = {}
        self._cost = "0"
        self._began = time.monotonic()
        self._drawn_at = 0.0

    def hear(self, kind: str, data: dict[str, Any]) -> None:
        """Takes in what a run says."""
        if kind == "began":
            self._planned, self._before = data["planned"], data["done"]
        elif kind == "ended":
            self._done += 1
            self._outcomes[data["outcome"]] = self._outcomes.get(data["outcome"], 0) + 1
        elif kind == "spent":
            self._cost = data["usd"]
        self._draw()

    def close(self) -> None:
        """Takes the line away."""
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        now = time.monotonic()
        # A line that is written more often than that is not read, and notebooks are slow to show it.
        if not self._shown or now - self._drawn_at < 0.1:
            return
        self._drawn_at = now
        sys.stderr.write(f"\r\033[K{self._line(now - self._began)}")
        sys.stderr.flush()

    def _line(self, seconds: float) -> str:
        done = self._before + self._done
        parts = [f"{done}/{self._planned} {self._what}"]
        parts += [f"{count} {outcome}" for outcome, count in self._outcomes.items()]
        if self._cost not in ("0", ""):
            parts.append(f"${self._cost}")
        if self._done:
            parts.append(f"{(self._planned - done) * seconds / self._done:.0f} s left")
        return " · ".join(parts)
