"""The tutorial, followed: every block of it is written or run, in order, against a real tracking server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("reenact.mlflow")

PAGE = Path(__file__).parents[3] / "docs" / "mlflow-tutorial.md"
BLOCK = re.compile(r"^```(\w+)( fails)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\S+\.(?:py|ya?ml))\n")


class Reader:
    """Somebody who does what the page says, in a folder of their own."""

    def __init__(self, folder: Path, tracking_server: str) -> None:
        self.folder = folder
        tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "MLFLOW_TRACKING_URI": tracking_server, "PATH": tools}

    def follow(self, form: str, fails: str, text: str) -> str:
        """Writes a file or runs commands; gives what they said."""
        named = FILE.match(text)
        if named:
            file = self.folder / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            return ""
        if text.startswith("# an excerpt of "):
            return self.check_excerpt(text)
        assert form == "sh", f"what is to be done with this?\n{text}"
        if "pip install" in text:
            return ""
        done = subprocess.run(
            ["bash", "-euc", text], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == bool(fails), f"{text}\n{said}"
        return said

    def check_excerpt(self, text: str) -> str:
        written = (self.folder / text.split()[4]).read_text()
        for line in text.splitlines()[1:]:
            found = line.strip().removeprefix("- ").strip('"')
            assert found.replace('"(?i)', "(?i)") in written, f"{line!r} does not stand in\n{written}"
        return ""


def test_the_tutorial_goes_from_an_experiment_to_a_gate(tracking_server: str, tmp_path: Path) -> None:
    reader = Reader(tmp_path, tracking_server)
    blocks = BLOCK.findall(PAGE.read_text())
    said = [reader.follow(*block) for block in blocks]
    told = "\n".join(said)

    assert len(blocks) >= 12
    assert "no_live_claim/mean: 0.0" in told
    assert "satisfied" in told or "said_all" in told
    failed, passed = [words for words in said if "test session starts" in words]
    assert "1 failed" in failed
    assert "The market is open." in failed
    assert "1 passed" in passed
    # The gate runs what was run here.
    workflow = (tmp_path / ".github" / "workflows" / "agent.yaml").read_text()
    [gate] = re.findall(r"- run: (pytest .*)", workflow)
    reader.follow("sh", "", gate)
    assert (tmp_path / "conversations.xml").exists()
