"""Results, tasks run in place, the app and its names."""

from __future__ import annotations

import uuid
from importlib import import_module
from typing import Any

from kernelq import KernelQ as Celery
from kernelq import current_app
from shop import mail, orders, trail
from shop.audited import Audited
from shop.celery import app
from shop.journal import plain

from .case import PATIENCE, case, refusal

# --- results


@case
def a_result() -> Any:
    result = orders.add.delay(1, 2)
    value = result.get(timeout=PATIENCE)
    again = app.AsyncResult(result.id)
    called: list[Any] = []
    again.get(timeout=1, callback=lambda id, value: called.append([id == result.id, value]))
    return [
        value, again.state, again.status, again.result, again.info, again.ready(), again.successful(), again.failed(), again.traceback,
        called, again == result, again == result.id, repr(again) == f"<AsyncResult: {result.id}>", type(again.date_done).__name__,
        again.task_id == again.id, again.children, again.parent, again.as_tuple() == ((result.id, None), None), again.wait(timeout=1),
        len({again, result}), again.maybe_throw(),
    ]  # fmt: skip


@case
def a_result_that_is_forgotten() -> Any:
    result = orders.echo.delay("gone")  # nothing looks at its result but we
    result.get(timeout=PATIENCE)
    result.forget()
    return [app.AsyncResult(result.id).state, app.AsyncResult(result.id).result]


@case
def an_unknown_result() -> Any:
    unknown = app.AsyncResult(str(uuid.uuid4()))
    return [
        unknown.state,
        unknown.result,
        unknown.ready(),
        unknown.exists(),
        refusal(lambda: unknown.get(timeout=0.2)),
        refusal(lambda: app.AsyncResult(None)),
    ]


# --- eager


@case
def apply() -> Any:
    done, failed = orders.add.apply((1, 2)), orders.reserve.apply(("pear", 1))
    return [
        [type(done).__name__, done.get(), done.state, done.successful(), done.ready(), done.result],
        [failed.state, plain(failed.result), bool(failed.traceback), refusal(failed.get)],
        refusal(lambda: orders.reserve.apply(("pear", 1), throw=True)),
        plain(mail.send.apply(("ada",), {"away": 2}).get()["tries"]),
        plain(mail.send.apply(("ada",), {"away": 9}).result),
        {
            key: value
            for key, value in orders.place.apply(("pear",)).get().items()
            if key in ("eager", "directly", "retries", "same")
        },
    ]


@case
def always_eager() -> Any:
    app.conf.task_always_eager = True
    try:
        done = orders.add.delay(1, 2)
        failed = orders.reserve.delay("pear", 1)
        return [done.get(), done.state, failed.state, orders.kind.delay((1, 2)).get(), orders.add.s(1).delay(2).get()]
    finally:
        app.conf.task_always_eager = False


# --- the app


@case
def settings() -> Any:
    conf = app.conf
    names = (
        "task_default_queue", "timezone", "enable_utc", "result_expires", "task_serializer", "accept_content", "task_time_limit", "task_acks_late",
        "worker_concurrency", "worker_prefetch_multiplier", "imports", "worker_send_task_events", "broker_connection_timeout",
    )  # fmt: skip
    old = ("CELERY_DEFAULT_QUEUE", "CELERYD_CONCURRENCY", "CELERY_TASK_RESULT_EXPIRES")
    return [
        {name: plain(conf[name]) for name in names},
        {name: plain(getattr(conf, name)) for name in old},
        [str(app.timezone), conf.get("nothing", 1), "task_default_queue" in conf],
        refusal(lambda: conf["no_such_setting"]),
    ]


@case
def a_second_app() -> Any:
    other = Celery("other", broker="memory://", task_cls=Audited, set_as_current=False, task_default_queue="elsewhere")

    @other.task
    def local(x: int) -> int:
        return x

    @other.task(name="named", base=orders.Audited, max_retries=1)
    def named(x: int) -> int:
        return x

    return [
        [local.name, named.name, local(1), named.max_retries],
        [isinstance(local, Audited), issubclass(other.Task, Audited), local.app is other, current_app.main],
        ["library.whoami" in other.tasks, "shop.orders.add" in other.tasks, other.tasks["named"] == named],
        [other.conf.task_default_queue, other.conf.task_default_routing_key, other.main],
    ]


@case
def import_paths() -> Any:
    package = Celery.__module__.partition(".")[0]
    wanted = {
        "": "shared_task current_app current_task Task signature maybe_signature chain group chord chunks uuid bugreport subtask states signals",
        "app": "app_or_default default_app",
        "app.task": "Task",
        "canvas": "Signature signature chain group chord maybe_signature",
        "exceptions": (
            "CeleryError ImproperlyConfigured Ignore Reject Retry TaskError NotRegistered TimeoutError MaxRetriesExceededError "
            "TaskRevokedError InvalidTaskError ChordError BackendError OperationalError SoftTimeLimitExceeded TimeLimitExceeded "
            "WorkerLostError Terminated QueueNotFound"
        ),
        "result": "AsyncResult EagerResult GroupResult ResultSet allow_join_result result_from_tuple",
        "schedules": "crontab schedule",
        "signals": " ".join(trail.RUNS + trail.RECEIVES + trail.WORKER)
        + " before_task_publish after_task_publish setup_logging",
        "states": "PENDING RECEIVED STARTED SUCCESS FAILURE RETRY REVOKED READY_STATES EXCEPTION_STATES PROPAGATE_STATES ALL_STATES",
        "utils": "uuid",
        "utils.log": "get_task_logger get_logger",
    }
    return {
        module or "(the package)": missing(f"{package}.{module}".rstrip("."), given.split())
        for module, given in wanted.items()
    }


def missing(module: str, names: list[str]) -> Any:
    try:
        found = import_module(module)
    except ImportError:
        return "no such module"
    return [name for name in names if not hasattr(found, name)]
