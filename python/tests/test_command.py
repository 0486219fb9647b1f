"""The command that comes with the package: the same one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import reenact

from stage import SUITE

COMMAND = [sys.executable, "-m", "reenact"]


def reenact_(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_the_exit_statuses_are_those_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE)
    assert reenact_("check", "suite.yaml", cwd=tmp_path).stdout == "2 cases, no problems\n"
    says = """cmd:sh -c 'while read -r line; do echo "{\\"reply\\":\\"it was delivered\\"}"; done'"""
    assert reenact_("run", "suite.yaml", "--agent", says, cwd=tmp_path).returncode == 1
    assert reenact_("run", "suite.yaml", "--agent", "nobody", cwd=tmp_path).returncode == 2
    assert reenact_("run", "suite.yaml", "--agent", "recorded", cwd=tmp_path).returncode == 3
    unknown = reenact_("sing", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "Usage: reenact" in unknown.stderr
    assert reenact_("--version", cwd=tmp_path).stdout == f"reenact {reenact.__version__}\n"
    # What Python runs, the command shows.
    assert reenact.Store(tmp_path / ".reenact" / "store.db").runs()[0]["agent"] == "recorded"


def test_the_demo_starts_its_assistant_by_the_package(tmp_path: Path) -> None:
    demo = reenact_("demo", cwd=tmp_path)
    assert "The bugs are back on v1 in 3 of 4 cases, gone on v2 in 3, and back on v3 in 3." in demo.stdout + demo.stderr


def test_the_script_is_installed() -> None:
    script = shutil.which("reenact", path=str(Path(sys.executable).parent))
    assert script is not None
    told = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout == f"reenact {reenact.__version__}\n"


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send to another process")
def test_ctrl_c_stops_the_command_cleanly(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "agent.sh").write_text('read -r line; echo > asked; sleep 1; echo "{\\"reply\\":\\"hi\\"}"\n')
    os.mkfifo(tmp_path / "asked")
    arguments = [*COMMAND, "run", "suite.yaml", "--agent", "cmd:sh agent.sh", "--concurrency", "1"]
    running = subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    (tmp_path / "asked").read_text()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 3
    assert "stopping: the calls on their way are waited for" in err
    assert "run --resume" in err
