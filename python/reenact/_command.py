"""The command `reenact`, as the package installs it."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> int:
    """Runs the command with the arguments of this process, and gives its exit status."""
    # Python would only note that Ctrl-C was pressed, and the command would never hear of it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.main(["reenact", *sys.argv[1:]], [sys.executable, "-m", "reenact"])
