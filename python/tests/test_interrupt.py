"""Ctrl-C: a run stops, says how to go on, and loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import reenact

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send to another process")

PROGRAM = """
import signal, sys, time
sys.path.insert(0, {here!r})
signal.signal(signal.SIGINT, signal.default_int_handler)
import reenact
from stage import a_case

def agent(messages):
    print("asked", flush=True)
    time.sleep({seconds})
    return "hi"

try:
    reenact.run([a_case(str(n)) for n in range(4)], agent, store={store!r}, concurrency=1, max_turns=1)
except reenact.Interrupted as interrupted:
    print("interrupted", interrupted.run, flush=True)
    raise
"""


def begun(store: Path, seconds: float) -> subprocess.Popen[str]:
    """A program whose first question has been asked."""
    here = str(Path(__file__).resolve().parent)
    program = textwrap.dedent(PROGRAM).format(here=here, store=str(store), seconds=seconds)
    running = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "asked\n"
    return running


def test_ctrl_c_waits_for_what_was_asked_and_says_how_to_go_on(tmp_path: Path) -> None:
    running = begun(tmp_path / "store.db", 1)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    [word, run] = out.splitlines()[-1].split()
    assert word == "interrupted"
    assert f'nothing is lost; go on with reenact.resume("{run}", agent, store=' in err
    assert err.strip().splitlines()[-1].startswith("reenact.errors.Interrupted: ")

    asked: list[str] = []

    def agent(message: str) -> str:
        asked.append(message)
        return "hi"

    report = reenact.resume(run, agent, store=tmp_path / "store.db")
    assert report.passed
    # What was on its way when it was stopped had its answer, which was kept.
    assert len(asked) == 3


def test_ctrl_c_twice_leaves_at_once(tmp_path: Path) -> None:
    running = begun(tmp_path / "store.db", 600)
    deadline = 60
    running.send_signal(signal.SIGINT)
    # The second is only a second one after the first was heard.
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(timeout=0.5)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=deadline)
    assert "interrupted" in out
    assert reenact.resume(store=tmp_path / "store.db", agent=lambda message: "hi").passed
