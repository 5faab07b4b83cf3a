"""The kernel and the plugins a run needs do without all the others: disabled, or gone from the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from kernelq import KernelQ
from kernelq.testing import start_worker

ROOT = Path(__file__).parents[2]
NEEDED = {"broker_memory", "backend_memory", "results", "serializers", "worker"}
"""What a run on memory with the solo pool and results needs."""

PLUGINS = sorted(folder.parent.name for folder in (ROOT / "plugins").glob("*/__init__.py"))

RUN = """
import sys
import threading

# An editable install would find in the checkout what is gone from the copy.
sys.meta_path = [finder for finder in sys.meta_path if "Editable" not in getattr(finder, "__name__", "")]

from kernelq import KernelQ

app = KernelQ("bare", broker="memory://", backend="memory://")
add = app.task(name="add")(lambda x, y: x + y)
worker = app.Worker(pool="solo")
thread = threading.Thread(target=worker.run)
thread.start()
print(add.delay(1, 2).get(timeout=10))
worker.stop()
thread.join()
print(sorted(info.name for info in app.plugins.infos() if info.state.startswith("skipped")))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A copy of the installation, to take folders out of."""
    site = tmp_path / "site"
    leave_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kernel", site / "kernelq", ignore=leave_out)
    shutil.copytree(ROOT / "plugins", site / "kernelq_plugins", ignore=leave_out)
    metadata = site / "kernelq-0.dist-info"
    metadata.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (metadata / name).write_text(distribution("kernelq").read_text(name) or "")
    return site


def run(site: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_task_runs_with_every_plugin_disabled_that_the_run_does_not_need() -> None:
    others = [name for name in PLUGINS if name not in NEEDED and name != "testkit"]
    app = KernelQ("bare", broker="memory://", backend="memory://", disable_plugins=others, set_as_current=False)
    add = app.task(name="add")(lambda x, y: x + y)

    with start_worker(app):
        assert add.delay(1, 2).get(timeout=10) == 3

    assert {info.name for info in app.plugins.infos() if info.state == "disabled"} == set(others)


@pytest.mark.parametrize("gone", [name for name in PLUGINS if name not in NEEDED])
def test_a_task_runs_with_the_folder_of_another_plugin_deleted(installed: Path, gone: str) -> None:
    shutil.rmtree(installed / "kernelq_plugins" / gone)

    assert run(installed) == ["3", str([gone])]


def test_a_task_runs_with_the_folders_of_all_other_plugins_deleted(installed: Path) -> None:
    others = [name for name in PLUGINS if name not in NEEDED]
    for name in others:
        shutil.rmtree(installed / "kernelq_plugins" / name)

    assert run(installed) == ["3", str(others)]
