"""What the tests of `reenact.mlflow` stand on: a model server, a tracking store, and the two simulators that are held against each other.

A test that takes `simulators` runs twice: first on MLflow's own simulators, which shows that the test asks what MLflow
promises, then on ours.
"""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("mlflow", reason="these tests are about reenact beside MLflow: pip install 'reenact[mlflow]'")

import mlflow

from .model_server import ModelServer

SERVER_READY_SECONDS = 120
"""A server of MLflow takes half a minute to be ready on a machine that is busy."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What MLflow and its libraries warn of is theirs: an error of it would stop their tracing without a word."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(params=["mlflow.genai.simulators", "reenact.mlflow"])
def simulators(request: pytest.FixtureRequest, ours_is_there: bool) -> ModuleType:
    """The module that is imported: nothing else differs between the two runs of a test."""
    if request.param == "reenact.mlflow" and not ours_is_there:
        pytest.skip("reenact is not installed")
    return importlib.import_module(request.param)


@pytest.fixture(scope="session")
def ours_is_there() -> bool:
    return importlib.util.find_spec("reenact") is not None


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Whoever asks a model of OpenAI asks this one."""
    server = ModelServer()
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-the-tests")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_BASE", server.url)
    # What it does without being asked would only be slow here.
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_PREDICT_RATE_LIMIT", "0")
    yield server
    server.close()


@pytest.fixture(scope="session")
def tracking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real tracking server with an SQLite store."""
    folder = tmp_path_factory.mktemp("tracking")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}", server, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SERVER_READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the tracking server did not come up:\n{log.read_text()}")


@pytest.fixture
def experiment(tracking_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The id of an experiment of this test's own, which is the active one."""
    mlflow.set_tracking_uri(tracking_server)
    yield mlflow.set_experiment(f"{request.node.name}-{time.time_ns()}").experiment_id
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.flush_trace_async_logging()
