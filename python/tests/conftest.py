"""What the tests are handed: a recording, a store, a suite, and a pytest of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import reenact

from stage import RECORDED, SUITE

pytest_plugins = ["pytester"]


@pytest.fixture
def recording() -> bytes:
    return json.dumps(RECORDED).encode()


@pytest.fixture
def store() -> reenact.Store:
    return reenact.Store.temporary()


@pytest.fixture
def suite(tmp_path: Path) -> reenact.Suite:
    file = tmp_path / "parcels.yaml"
    file.write_text(SUITE)
    return reenact.Suite.load(file)
