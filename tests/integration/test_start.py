"""What a start costs, counted in modules: a client imports little, its first call only what a call needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = (
    "asyncio", "blinker", "click", "dataclasses", "email", "hashlib", "importlib.metadata", "inspect", "json", "logging",
    "msgspec", "pika", "pluggy", "redis", "rich", "socket", "sqlalchemy", "stevedore", "tempfile", "traceback", "uuid",
)  # fmt: skip
"""What nobody needs who only defines an app and its tasks."""

CLIENT = """
import json, sys
before = set(sys.modules)  # those of the interpreter and of its site-packages
from kernelq import KernelQ
app = KernelQ("proj", broker="memory://", backend="memory://")
app.conf.task_ignore_result = True
@app.task(bind=True, autoretry_for=(ValueError,))
def add(self, x, y): ...
"""

SAY = "\nprint(json.dumps(sorted(set(sys.modules) - before)))"


def imported(program: str, folder: Path) -> set[str]:
    """The modules that a program has imported in an interpreter of its own."""
    run = subprocess.run([sys.executable, "-c", program + SAY], capture_output=True, cwd=folder, check=True, timeout=60)
    return set(json.loads(run.stdout))


def test_a_client_s_import_needs_nothing_heavy_and_no_plugin(tmp_path: Path) -> None:
    modules = imported(CLIENT, tmp_path)

    assert modules.isdisjoint(HEAVY)
    assert not [name for name in modules if name.startswith("kernelq_plugins")]


def test_a_client_s_import_takes_few_modules_of_the_kernel(tmp_path: Path) -> None:
    kernel = {name for name in imported(CLIENT, tmp_path) if name.partition(".")[0] == "kernelq"}

    assert kernel == {
        "kernelq", *(f"kernelq.{name}" for name in ("_api", "app", "config", "drivers", "errors", "installed", "stash", "task", "tasks", "urls")),
    }  # fmt: skip


def test_entry_points_are_read_once_for_import_and_first_call(tmp_path: Path) -> None:
    program = CLIENT + "add.delay(1, 2)\nfrom kernelq import installed\nbefore = set(sys.modules)"
    program += "\nassert installed._read.cache_info().misses == 1"

    assert imported(program, tmp_path) == set()
