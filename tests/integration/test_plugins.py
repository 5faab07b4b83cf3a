"""Plugins of one file, not installed, given to a worker by ``--plugin``; they are those of examples/."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kernelq import KernelQ
from kernelq.contracts import Broker
from kernelq.testing import BrokerFaultSuite, BrokerSuite

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

PROJECT = """
from kernelq import KernelQ

app = KernelQ("proj")


@app.task
def add(x, y):
    return x + y
"""

PATIENCE = 60.0
"""Seconds."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "proj.py").write_text(PROJECT)
    return tmp_path


def test_a_one_file_plugin_counts_successes_and_prints_at_shutdown(folder: Path) -> None:
    with _worker(folder, "--plugin", "one_file_plugin") as worker:
        for number in range(3):
            assert _call(folder, number, 1) == str(number + 1)

    assert "3 tasks succeeded" in worker


def test_a_one_file_plugin_brings_a_broker_for_a_new_scheme(folder: Path) -> None:
    url = f"file://{folder}/queue"
    options = ["--plugin", "file_broker_plugin", "--broker", url, "--result-backend", f"sqlite:///{folder}/results"]

    with _worker(folder, *options) as worker:
        assert _call(folder, 2, 3, *options) == "5"

    assert url in "".join(worker)


def test_the_broker_of_the_example_is_short() -> None:
    source = (EXAMPLES / "file_broker_plugin.py").read_text()

    code = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(code) < 150


class OnFile:
    """The broker of the example, on a file of its own for every test."""

    @pytest.fixture(autouse=True)
    def _examples(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(EXAMPLES)

    def make_url(self, folder: Path) -> str:
        return f"file://{folder}/queue"

    def make_app(self, url: str) -> KernelQ:
        return KernelQ("conformance", broker=url, plugins=["file_broker_plugin"], set_as_current=False)


class TestFileBroker(OnFile, BrokerSuite):
    """It keeps the contract."""

    def plant_garbage(self, broker: Broker, queue: str, raw: bytes) -> None:
        from file_broker_plugin import INSERT, FileBroker

        assert isinstance(broker, FileBroker)
        broker.run(INSERT, "garbage", queue, raw, 0, 0.0, 0.0, 0)


class TestFileBrokerFaults(OnFile, BrokerFaultSuite):
    """It keeps it while processes die."""


@contextmanager
def _worker(folder: Path, *options: str) -> Iterator[list[str]]:
    """Run a worker with two processes; what it said is in the list once the block is left."""
    said: list[str] = []
    command = _kernelq("worker", "-c", "2", "-l", "INFO", *options)
    worker = subprocess.Popen(
        command, cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert worker.stdout is not None
    for line in worker.stdout:
        said.append(line.rstrip())
        if said[-1].endswith(" ready"):
            break
    try:
        yield said
    finally:
        worker.terminate()
        said += worker.communicate(timeout=PATIENCE)[0].splitlines()
    assert worker.returncode == 0, "\n".join(said)


def _call(folder: Path, x: int, y: int, *options: str) -> str:
    command = _kernelq("call", "proj.add", str(x), str(y), "--wait", "--timeout", "30", *options)
    run = subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert run.returncode == 0, run.stderr
    return re.sub(r"\s", "", run.stdout)


def _kernelq(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "kernelq", "-A", "proj", *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(EXAMPLES)}
