"""The examples of the documentation run as they stand, in one folder, one after another; and a type checker agrees with them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import reenact

ROOT = Path(__file__).resolve().parents[2]


def examples(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_examples_of_the_documentation_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "docs", "__file__": str(tmp_path / "test_agent.py")}
    blocks = examples((ROOT / "docs" / "python.md").read_text())
    assert len(blocks) > 5
    for block in blocks:
        exec(compile(block, str(tmp_path / "test_agent.py"), "exec"), known)
    assert known["report"].run.plan.agent == "python:docs:patient"
    assert known["trials"].shape[0] == 1


def test_the_example_of_the_package_runs() -> None:
    known: dict[str, Any] = {}
    [block] = examples(reenact.__doc__ or "")
    exec(block, known)
    assert known["report"].trials_done == 1


def test_a_type_checker_agrees_with_the_examples(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    file = tmp_path / "examples.py"
    file.write_text("\n".join(examples((ROOT / "docs" / "python.md").read_text())))
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10", file],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
