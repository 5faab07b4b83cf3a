"""Bad input: each ends in a clear message or state, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, hookimpl
from kernelq.contracts import FAILURE, PENDING, EncodeError
from kernelq.errors import BrokerUnavailable, WorkerLostError
from kernelq.testing import start_worker

PATIENCE = 20.0
"""Seconds a test waits for what must come."""

PROJECT = """
from kernelq import KernelQ

app = KernelQ("proj")

@app.task
def add(x, y):
    return x + y
"""

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the project ``proj``, whose messages wait in a file there."""
    (tmp_path / "proj.py").write_text(PROJECT)
    return tmp_path


@pytest.fixture
def kernelq(project: Path) -> Command:
    """Run the program in the project's folder, as on a command line."""

    def run(*line: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kernelq", *line]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=PATIENCE, check=False)

    return run


@pytest.fixture
def app(tmp_path: Path) -> Iterator[KernelQ]:
    url = f"sqlite:///{tmp_path}/kernelq.sqlite3"
    with KernelQ("bad", broker=url, backend=url, set_as_current=False) as app:
        app.task(name="add")(lambda x, y: x + y)
        yield app


def queue(app: KernelQ) -> dict[str, int]:
    """How many messages of the default queue are where, without the empty places."""
    found = [stats for stats in app.broker.queues() if stats.name == "default"]
    counts = {name: getattr(stats, name) for stats in found for name in ("ready", "delayed", "running", "dead")}
    return {name: count for name, count in counts.items() if count}


# --- the app -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("absent", None, "no module 'absent' (from -A absent); run the command in the folder that holds it"),
        ("proj:nope", None, "module 'proj' has no 'nope' (from -A proj:nope); there is: proj:app"),
        ("empty", "x = 1", "module 'empty' holds no KernelQ app; name it: -A empty:app (from -A empty; tried empty:app, empty:celery, empty:kernelq, and every other name in it)"),
        ("needy", "import absent", "the module 'needy' (from -A needy) needs 'absent', which is missing"),
        ("broken", "1 / 0", "the module 'broken' (from -A broken) failed to import: ZeroDivisionError: division by zero"),
    ],
    ids=["no module", "no attribute", "no app", "a library is missing", "the module raises"],
)  # fmt: skip
def test_an_app_that_cannot_be_had_is_said_in_one_line(
    kernelq: Command, project: Path, name: str, source: str | None, said: str
) -> None:
    if source is not None:
        (project / f"{name}.py").write_text(source)

    done = kernelq("-A", name, "worker")

    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"kernelq: {said}\n")


def test_a_forgotten_app_is_asked_for(kernelq: Command) -> None:
    done = kernelq("worker")

    assert done.returncode == 2
    assert "which app? give -A MODULE, or set KERNELQ_APP" in done.stderr


# --- the broker ----------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [("queues",), ("worker", "-q", "-P", "solo")], ids=["client", "worker"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("kafka://u:hunter2@host", "no broker driver for 'kafka' (installed: amqp, "),
        ("u:hunter2@host", "expected a broker URL such as 'sqlite:///kernelq.sqlite3', got 'u:**@host'"),
    ],
    ids=["scheme", "no URL"],
)  # fmt: skip
def test_a_wrong_url_says_what_is_installed(kernelq: Command, line: tuple[str, ...], url: str, said: str) -> None:
    done = kernelq("-A", "proj", "-b", url, *line)

    (printed,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert printed.startswith("kernelq: ")
    assert said in printed
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/proc/kernelq.sqlite3", "cannot write /proc/kernelq.sqlite3: this user needs write access"),
        ("missing/kernelq.sqlite3", "missing does not exist; create it or use another path"),
    ],
    ids=["no right", "no folder"],
)
def test_a_file_that_cannot_be_written_is_named_with_the_way_out(kernelq: Command, path: str, said: str) -> None:
    done = kernelq("-A", "proj", "-b", f"sqlite:///{path}", "call", "proj.add", "1", "2")

    assert done.returncode == 1
    assert said in done.stderr


def test_a_file_that_cannot_be_written_fails_a_call_soon(tmp_path: Path) -> None:
    app = KernelQ("bad", broker=f"sqlite:///{tmp_path}/missing/kernelq.sqlite3", set_as_current=False)
    begun = time.monotonic()

    with pytest.raises(BrokerUnavailable, match="missing does not exist; create it"):
        app.task(name="add")(lambda x, y: x + y).delay(1, 2)

    assert time.monotonic() - begun < 5.0


def test_a_worker_whose_file_cannot_be_written_says_why_and_ends(kernelq: Command) -> None:
    done = kernelq("-A", "proj", "-b", "sqlite:///missing/kernelq.sqlite3", "worker", "-q", "-P", "solo")

    (said,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert said.startswith("kernelq: bootstep 'Broker' could not start: cannot write ")
    assert "missing does not exist; create it or use another path" in said


FULL = """
import logging
import resource
import sys
import threading

from kernelq import KernelQ
from kernelq.errors import BrokerFull
from kernelq.testing import start_worker

_, HARD = resource.getrlimit(resource.RLIMIT_FSIZE)


def allow(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, HARD))


class Lost(logging.Handler):
    seen = threading.Event()

    def emit(self, record):
        if "lost the broker" in record.getMessage():
            self.seen.set()


logging.getLogger("kernelq.worker").addHandler(Lost())
app = KernelQ("full")
add = app.task(name="add")(lambda text: len(text))

accepted = []
add.delay("")
allow(400_000)
try:
    while True:
        accepted.append(add.apply_async(["x" * 10_000], retry=False))
except BrokerFull as error:
    print("full:", error)
assert app.broker.queues()[0].ready == 1 + len(accepted) > 1, app.broker.queues()

allow(1)
with start_worker(app):
    assert Lost.seen.wait(10)
    allow(HARD)
    assert [result.get(timeout=10) for result in accepted] == [10_000] * len(accepted)
print("all", len(accepted), "ran")
"""


def test_a_full_disk_refuses_messages_keeps_those_accepted_and_a_worker_lives_through_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "full: " in done.stdout
    assert "ran" in done.stdout


def test_a_corrupt_row_goes_to_the_dead_letters_and_the_others_run(
    app: KernelQ, tmp_path: Path, project: Path, kernelq: Command
) -> None:
    results = app.tasks["add"].send_many([(number, number) for number in range(3)])
    with sqlite3.connect(tmp_path / "kernelq.sqlite3") as file:
        file.execute("UPDATE kernelq_messages SET blob = x'ff' WHERE key = ?", [results[1].id])
    file.close()

    with start_worker(app):
        assert [results[number].get(timeout=PATIENCE) for number in (0, 2)] == [0, 4]

    assert queue(app) == {"dead": 1}
    listed = kernelq("-A", "proj", "dead", "list")
    assert "undecodable: not a message" in listed.stdout


# --- the call ------------------------------------------------------------------------------------


def test_an_argument_that_cannot_be_serialised_is_named_at_the_call(app: KernelQ) -> None:
    with pytest.raises(EncodeError, match=r"\[0\]\[1\]\['when'\].*of task 'add'"):
        app.tasks["add"].delay(1, {"when": object()})

    assert queue(app) == {}


@pytest.mark.parametrize(
    ("args", "said"),
    [(("1",), "missing 1 required positional argument: 'y'"), (("1", "2", "3"), "takes 2 positional arguments but 3")],
)
def test_wrong_arguments_are_refused_at_the_call(kernelq: Command, args: tuple[str, ...], said: str) -> None:
    done = kernelq("-A", "proj", "call", "proj.add", *args)

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_task_no_worker_knows_is_parked_and_seen_and_runs_once_it_is_known(
    app: KernelQ, project: Path, kernelq: Command
) -> None:
    sights: list[float] = []
    first, second = threading.Event(), threading.Event()

    class Watching:
        @hookimpl
        def task_unknown(self) -> None:
            sights.append(time.monotonic())
            (second if len(sights) > 1 else first).set()

    app.register_plugin(Watching())
    result = app.send_task("sub", (3, 1))
    with start_worker(app):
        assert first.wait(PATIENCE)
        assert app.tasks["add"].delay(1, 1).get(timeout=PATIENCE) == 2  # what is settled after it is settled
        assert queue(app) == {"delayed": 1}
        listed = json.loads(kernelq("-A", "proj", "queues", "--json").stdout)
        assert second.wait(PATIENCE)
        app.task(name="sub")(lambda x, y: x - y)

        assert result.get(timeout=PATIENCE) == 2

    assert [row["delayed"] for row in listed if row["name"] == "default"] == [1]
    assert all(later - earlier > 0.9 for earlier, later in pairwise(sights))


# --- the task ------------------------------------------------------------------------------------


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class NoRepr(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class NoPickle(Exception):
    def __reduce__(self) -> Any:
        raise RuntimeError("no pickle")


RAISED: dict[str, Callable[[], BaseException]] = {
    "a raising __str__": lambda: NoText("a"),
    "a raising __repr__": lambda: NoRepr("a"),
    "a raising __reduce__": lambda: NoPickle("a"),
    "unserialisable arguments": lambda: ValueError(object(), {1, 2}),
    "50 MB of text": lambda: ValueError("x" * 50_000_000),
    "KeyboardInterrupt": KeyboardInterrupt,
    "SystemExit": lambda: SystemExit(3),
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
    "BaseException": lambda: BaseException("bare"),
}


@pytest.mark.parametrize("pool", ["solo", "threads", "prefork"])
def test_whatever_a_task_raises_or_returns_fails_that_task_and_the_worker_lives(app: KernelQ, pool: str) -> None:
    @app.task(name="fail")
    def fail(what: str) -> None:
        raise RAISED[what]()

    @app.task(name="deep")
    def deep() -> None:
        deep.run()

    app.task(name="odd")(lambda: object())
    raised = {what: fail.delay(what) for what in RAISED}
    deepest, odd = deep.delay(), app.tasks["odd"].delay()

    with start_worker(app, pool=pool):
        for what, result in raised.items():
            error = result.get(timeout=PATIENCE, propagate=False)
            assert (result.state, type(error)) == (FAILURE, type(RAISED[what]())), what
        assert isinstance(deepest.get(timeout=PATIENCE, propagate=False), RecursionError)
        with pytest.raises(EncodeError, match="the result of odd cannot be stored"):
            odd.get(timeout=PATIENCE)
        assert odd.reason == "unserialisable"
        assert app.tasks["add"].delay(1, 1).get(timeout=PATIENCE) == 2

    assert queue(app) == {}


def test_a_task_that_ends_its_process_is_tried_again_and_then_kept_aside(app: KernelQ, tmp_path: Path) -> None:
    runs = tmp_path / "runs"

    @app.task(name="leave")
    def leave() -> None:
        with runs.open("a") as file:
            file.write("run\n")
        os._exit(3)

    leaving, adding = leave.delay(), app.tasks["add"].delay(1, 1)
    with start_worker(app, pool="prefork"):
        assert adding.get(timeout=PATIENCE) == 2
        with pytest.raises(WorkerLostError, match="died 4 times"):
            leaving.get(timeout=PATIENCE)

    assert (leaving.reason, queue(app)) == ("crashed", {"dead": 1})
    assert runs.read_text().count("run") == 4


def test_a_message_with_a_body_that_cannot_be_read_fails_its_task(app: KernelQ) -> None:
    app.conf.task_serializer = "msgpack"
    refused = app.tasks["add"].delay(1, 2)
    with start_worker(app):
        error = refused.get(timeout=PATIENCE, propagate=False)

    assert "content type 'application/x-msgpack' is not accepted here (accept_content: json)" in str(error)
    assert queue(app) == {"dead": 1}
    assert app.AsyncResult("nobody").state == PENDING
