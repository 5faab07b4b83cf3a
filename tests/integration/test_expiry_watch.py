"""The expiry watch in a worker with children: they count together and warn once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernelq import KernelQ
from kernelq.testing import start_worker
from kernelq_plugins.expiry_watch.watch import expired_counts

MESSAGES = 40
PATIENCE = 30.0
"""Seconds."""

PROJECT = """
from kernelq import KernelQ

app = KernelQ("proj")

@app.task
def sync():
    ...
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[KernelQ]:
    url = f"sqlite:///{tmp_path}/kernelq.sqlite3"
    with KernelQ("proj", broker=url, backend=url, set_as_current=False) as app:
        app.task(name="proj.sync")(lambda: None)
        yield app


def send_expired(app: KernelQ) -> None:
    results = [app.tasks["proj.sync"].apply_async(expires=-1.0) for _ in range(MESSAGES)]
    for result in results:
        result.get(timeout=PATIENCE, propagate=False)


def test_two_children_that_find_all_expired_warn_once_between_them(app: KernelQ, tmp_path: Path) -> None:
    (tmp_path / "proj.py").write_text(PROJECT)
    command = [sys.executable, "-m", "kernelq", "-A", "proj", "worker", "-c", "2"]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as worker:
        send_expired(app)
        worker.terminate()
        _, log = worker.communicate(timeout=PATIENCE)

    assert log.count("expired before it could run") == MESSAGES
    assert log.count("messages expired before they could run; none has succeeded") == 1


def test_the_supervisor_knows_what_its_children_counted(app: KernelQ) -> None:
    with start_worker(app, pool="prefork", concurrency=2):
        send_expired(app)

    assert expired_counts(app) == {"proj.sync": MESSAGES}
