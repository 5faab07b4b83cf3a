"""What a start costs, counted in modules: a client imports little, its first call only what a call needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kernelq import KernelQ
from servers import RedisServer
from waiting import until

HEAVY = (
    "asyncio", "blinker", "click", "dataclasses", "email", "hashlib", "importlib.metadata", "inspect", "json", "logging",
    "msgspec", "pika", "pluggy", "redis", "rich", "socket", "sqlalchemy", "stevedore", "tempfile", "traceback", "uuid",
)  # fmt: skip
"""What nobody needs who only defines an app and its tasks."""

MOST_PARTS = 50
"""Modules inside the packages of plugins that import and first call may take; there are some 300."""

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
        "kernelq", *(f"kernelq.{name}" for name in ("_api", "app", "config", "drivers", "errors", "installed", "stash", "task", "tasks")),
    }  # fmt: skip


def test_entry_points_are_read_once_for_import_and_first_call(tmp_path: Path) -> None:
    program = CLIENT + "add.delay(1, 2)\nfrom kernelq import installed\nbefore = set(sys.modules)"
    program += "\nassert installed._read.cache_info().misses == 1"

    assert imported(program, tmp_path) == set()


def test_a_first_call_imports_no_command_line_and_nothing_of_a_worker(tmp_path: Path) -> None:
    modules = imported(CLIENT + "add.delay(1, 2)", tmp_path)

    assert modules.isdisjoint({"click", "rich", "redis", "sqlalchemy", "pika", "multiprocessing", "ctypes"})
    plugins = {name for name in modules if name.startswith("kernelq_plugins.")}
    assert {name for name in plugins if name.split(".")[1] in ("worker", "pool_prefork", "commands", "doctor")} == {
        "kernelq_plugins.worker", "kernelq_plugins.pool_prefork", "kernelq_plugins.commands", "kernelq_plugins.doctor",
    }  # fmt: skip
    assert len({name for name in plugins if name.count(".") > 1}) <= MOST_PARTS


PROJECT = """
import json, os, sys
from pathlib import Path
from kernelq import KernelQ

app = KernelQ("proj")
forked = set()
os.register_at_fork(after_in_child=lambda: forked.update(sys.modules))

@app.task
def look(path):
    Path(path).with_suffix(".new").write_text(json.dumps([sorted(set(sys.modules) - forked), "rich" in sys.modules]))
    Path(path).with_suffix(".new").rename(path)
"""


def test_a_child_of_a_worker_imports_nothing_that_its_supervisor_has_not_and_neither_imports_rich(
    tmp_path: Path,
) -> None:
    (tmp_path / "proj.py").write_text(PROJECT, "utf-8")
    told = tmp_path / "told.json"
    send = f"import proj; proj.look.delay({str(told)!r})"
    subprocess.run([sys.executable, "-c", send], cwd=tmp_path, check=True, timeout=60)
    command = [sys.executable, "-m", "kernelq", "-A", "proj", "worker", "-c", "1"]

    worker = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(told.exists, "the task to have run")
    finally:
        worker.terminate()
        worker.wait(30)

    assert json.loads(told.read_text("utf-8")) == [[], False]


NOT_FOR_A_WORKER = (
    "http.client", "kernelq_plugins.app_surface.connection", "kernelq_plugins.beat.command", "kernelq_plugins.canvas.signature",
    "kernelq_plugins.commands.call", "kernelq_plugins.commands.report", "kernelq_plugins.doctor.command", "kernelq_plugins.once_lock.command",
    "kernelq_plugins.routing.queues", "kernelq_plugins.settings_sources.examination", "kernelq_plugins.workflow_views.command", "pika", "psycopg",
    "pymysql", "rich", "shlex", "sqlalchemy", "urllib.request", "xml",
)  # fmt: skip
"""What a worker on Redis has no use for before its first task asks for it: other commands, other engines, the drawing of workflows."""

MOST_OF_OURS = 175
"""Modules of KernelQ, those of its plugins included, in a worker on Redis that is ready; there are some 560."""

READY = """
import json, os, sys
from pathlib import Path
from kernelq import KernelQ, hookimpl

app = KernelQ("proj", broker=os.environ["PROJ_BROKER"], backend=os.environ["PROJ_BROKER"])

class Look:
    @hookimpl
    def worker_ready(self, worker):
        Path("told.new").write_text(json.dumps(sorted(sys.modules)))
        Path("told.new").rename("told.json")

app.register_plugin(Look())

@app.task
def add(x, y): ...
"""


def test_a_worker_on_redis_that_is_ready_has_imported_neither_other_commands_nor_other_engines(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    (tmp_path / "proj.py").write_text(READY, "utf-8")
    told = tmp_path / "told.json"
    command = [sys.executable, "-m", "kernelq", "-A", "proj", "worker", "-c", "2", "-l", "WARNING"]
    environment = {**os.environ, "PROJ_BROKER": redis_server.url}

    worker = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(told.exists, "the worker to be ready")
    finally:
        worker.terminate()
        worker.wait(30)

    modules = set(json.loads(told.read_text("utf-8")))
    assert [name for name in NOT_FOR_A_WORKER if name in modules] == []
    ours = {name for name in modules if name.partition(".")[0] in ("kernelq", "kernelq_plugins")}
    assert len(ours) <= MOST_OF_OURS


@pytest.mark.parametrize("name", ["worker", "call", "beat", "control", "doctor", "graph", "once"])
def test_a_command_that_is_asked_for_by_name_is_offered_by_that_name_alone(name: str) -> None:
    hook = KernelQ("proj", set_as_current=False).plugins.hook

    offered = [command.name for offer in hook.commands(name=name) for command in offer]

    assert set(offered) == {name}
