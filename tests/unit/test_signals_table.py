"""Every signal by the table: who sends it, with which arguments; a real worker sends them where there is one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from kernelq import KernelQ, Reject
from kernelq.contracts import Message
from kernelq.testing import start_worker
from kernelq_plugins.signals import api

NODE = "w1@here"
SETUP = {"logger", "loglevel", "logfile", "format", "colorize"}

WORKER_ROWS: dict[str, tuple[str, set[str]]] = {
    "before_task_publish": ("name", {"body", "exchange", "routing_key", "headers", "properties", "declare", "retry_policy"}),
    "after_task_publish": ("name", {"body", "headers", "exchange", "routing_key"}),
    "task_sent": ("name", {"task_id", "task", "args", "kwargs", "eta", "taskset"}),
    "task_prerun": ("task", {"task_id", "task", "args", "kwargs"}),
    "task_postrun": ("task", {"task_id", "task", "args", "kwargs", "retval", "state"}),
    "task_success": ("task", {"result", "runtime"}),
    "task_retry": ("task", {"request", "reason", "einfo"}),
    "task_failure": ("task", {"task_id", "exception", "args", "kwargs", "traceback", "einfo"}),
    "task_revoked": ("task", {"request", "terminated", "signum", "expired"}),
    "task_received": ("node", {"request"}),
    "task_unknown": ("node", {"name", "id", "message", "exc"}),
    "task_rejected": ("node", {"message", "exc"}),
    "import_modules": ("app", set()),
    "celeryd_init": ("node", {"instance", "conf", "options"}),
    "celeryd_after_setup": ("node", {"instance", "conf"}),
    "worker_init": ("worker", set()),
    "worker_process_init": ("node", set()),
    "worker_ready": ("worker", set()),
    "worker_shutting_down": ("node", {"sig", "how", "exitcode"}),
    "worker_shutdown": ("worker", set()),
    "setup_logging": ("nobody", {"loglevel", "logfile", "format", "colorize"}),
}  # fmt: skip
"""Signals of one worker of the pool ``solo`` → (what its sender is, its arguments)."""

OTHER_ROWS: dict[str, set[str]] = {
    "after_setup_logger": SETUP,
    "after_setup_task_logger": SETUP,
    "beat_embedded_init": set(),
    "beat_init": set(),
    "eventlet_pool_apply": {"target", "args", "kwargs"},
    "eventlet_pool_postshutdown": set(),
    "eventlet_pool_preshutdown": set(),
    "eventlet_pool_started": set(),
    "heartbeat_sent": set(),
    "task_internal_error": {"task_id", "args", "kwargs", "request", "exception", "traceback", "einfo"},
    "user_preload_options": {"app", "options"},
    "worker_before_create_process": set(),
    "worker_process_shutdown": {"pid", "exitcode"},
}
"""Those of loggers, children, schedulers, other pools, the command line and rare mishaps; `test_signals` has most."""


class Told:
    """What every signal was sent with: name of the signal → the arguments of each time, `sender` among them."""

    def __init__(self) -> None:
        self.calls: dict[str, list[dict[str, Any]]] = {}
        self.order: list[str] = []
        self.came = threading.Condition()

    def __call__(self, signal: Any, **named: Any) -> None:
        with self.came:
            self.order.append(signal.name)
            self.calls.setdefault(signal.name, []).append(named)
            self.came.notify_all()

    def wait_for(self, **counts: int) -> None:
        """Until each of these signals was sent so often."""
        with self.came:
            sent = self.calls
            assert self.came.wait_for(lambda: all(len(sent.get(name, ())) >= n for name, n in counts.items()), 10), (
                self.order
            )


@pytest.fixture(scope="module")
def life() -> tuple[Told, KernelQ, Any]:
    """All signals of a worker that ran one task of every ending, and stopped."""
    told = Told()
    for name in WORKER_ROWS:
        getattr(api, name).connect(told)
    with KernelQ("proj", broker="memory://table", backend="memory://table", set_as_current=False) as app:
        tasks = _tasks(app)
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        with start_worker(app, hostname=NODE, loglevel="WARNING") as worker:
            tasks["works"].delay(1)
            tasks["fails"].delay(1)
            tasks["retries"].delay(1)
            tasks["rejects"].delay(1)
            tasks["works"].apply_async((1,), expires=-1)
            app.send_task("proj.unknown", (1,))
            app.broker.publish([Message(id="garbage", task="proj.works", body=b"?", queue="default")])
            told.wait_for(task_postrun=5, task_revoked=1, task_unknown=1, task_rejected=1)
        root.handlers[:] = handlers
        root.setLevel(level)
    for name in WORKER_ROWS:
        getattr(api, name).disconnect(told)
    return told, app, worker


def _tasks(app: KernelQ) -> dict[str, Any]:
    def works(x: int) -> int:
        return x

    def fails(x: int) -> None:
        raise ValueError(x)

    def retries(self: Any, x: int) -> int:
        if self.request.retries:
            return x
        raise self.retry(countdown=0, exc=OSError("away"))

    def rejects(x: int) -> None:
        raise Reject("no", requeue=False)

    options: dict[Callable[..., Any], dict[str, Any]] = {retries: {"bind": True}}
    functions = (works, fails, retries, rejects)
    return {fun.__name__: app.task(name=f"proj.{fun.__name__}", **options.get(fun, {}))(fun) for fun in functions}


def test_the_table_knows_every_signal() -> None:
    assert {*WORKER_ROWS, *OTHER_ROWS} == {*api.__all__} - {"Signal"}


@pytest.mark.parametrize("name", WORKER_ROWS)
def test_a_worker_sends_a_signal_as_its_row_says(name: str, life: tuple[Told, KernelQ, Any]) -> None:
    told, app, worker = life
    sender, arguments = WORKER_ROWS[name]

    assert told.calls[name], "never sent"
    for call in told.calls[name]:
        assert call.keys() - {"sender"} == arguments
        expected = {"node": NODE, "app": app, "worker": worker, "nobody": None}
        if sender == "name":
            assert call["sender"].startswith("proj.")
        elif sender == "task":
            assert call["sender"] is app.tasks[call["sender"].name]
        else:
            assert call["sender"] == expected[sender]


def test_a_workers_own_signals_come_in_their_order(life: tuple[Told, KernelQ, Any]) -> None:
    told, _, _ = life
    life_of_worker = [
        name
        for name in told.order
        if name.startswith(("celeryd", "worker_")) or name in ("import_modules", "task_received")
    ]
    firsts = list(dict.fromkeys(life_of_worker))

    assert firsts == [
        "celeryd_init",
        "worker_init",
        "import_modules",
        "celeryd_after_setup",
        "worker_process_init",
        "worker_ready",
        "task_received",
        "worker_shutting_down",
        "worker_shutdown",
    ]


def test_a_run_is_told_from_its_receipt_to_its_end(life: tuple[Told, KernelQ, Any]) -> None:
    told, _, _ = life

    ends = {call["task"].name: call["state"] for call in told.calls["task_postrun"]}
    assert ends == {
        "proj.works": "SUCCESS", "proj.fails": "FAILURE", "proj.retries": "SUCCESS", "proj.rejects": "REJECTED",
    }  # fmt: skip
    retried = [call["state"] for call in told.calls["task_postrun"] if call["task"].name == "proj.retries"]
    assert retried == ["RETRY", "SUCCESS"]


def test_the_values_are_what_the_names_say(life: tuple[Told, KernelQ, Any]) -> None:
    told, app, worker = life

    failure = next(call for call in told.calls["task_failure"] if call["sender"].name == "proj.fails")
    assert (failure["args"], failure["kwargs"], repr(failure["exception"])) == ([1], {}, "ValueError(1)")
    assert "ValueError: 1" in failure["einfo"].traceback
    (retry,) = told.calls["task_retry"]
    assert retry["request"].args == [1]
    (revoked,) = told.calls["task_revoked"]
    assert (revoked["terminated"], revoked["signum"], revoked["expired"]) == (False, None, True)
    unknown = told.calls["task_unknown"][0]
    assert unknown["name"] == "proj.unknown"
    assert isinstance(unknown["message"], Message)
    (init,) = told.calls["celeryd_init"]
    assert (init["instance"], init["conf"], init["options"]["pool"]) == (worker, app.conf, "solo")
    (down,) = told.calls["worker_shutting_down"]
    assert (down["how"], down["exitcode"]) == ("Warm", 0)


@pytest.mark.parametrize("name", ["beat_init", "beat_embedded_init", "heartbeat_sent"])
def test_a_scheduler_and_a_heart_send_as_their_rows_say(name: str) -> None:
    app = KernelQ("proj", broker="memory://", set_as_current=False)
    told, sender = Told(), object()
    getattr(api, name).connect(told, sender=sender)

    app.plugins.notify(name, **{"sender" if name == "heartbeat_sent" else "service": sender})

    assert told.calls[name] == [{"sender": sender}]
