"""Signals: functions of yours that are called when something happens, connected by a decorator.

    from kernelq.signals import task_failure, worker_process_init

    @worker_process_init.connect
    def open_connections(**kwargs):
        engine.dispose(close=False)

    @task_failure.connect(sender=charge)
    def page(task_id, exception, **kwargs):
        ...

Install: part of ``pip install kernelq``. No settings. The signals, their senders and arguments stand in
`kernelq.signals`; they are those of Celery. A receiver is called with ``signal=``, ``sender=`` and the signal's
arguments, all by keyword, and must accept ``**kwargs``.

Senders: of task signals the task, of publish signals the task's name, of children the worker's node name, of messages received
the same with `app` and `hostname` as attributes, of the rest as the signal's text says. ``connect(sender=…)`` compares texts by value and
objects by identity; a proxy (one with ``_get_current_object()``) stands for its object at that time.

Receivers are kept by weak references: keep yours alive (a function of a module is), or connect with ``weak=False``.

Guarantee: a receiver's exception is logged with its name and harms neither the other receivers nor the task; only that
of a `setup_logging` receiver goes on, and stops the worker. Receivers run on the thread where it happens, and
what follows waits for them. A signal per message costs nothing until its first receiver connects.

What it does not do: tell other processes (a child of a pool inherits what its parent had connected), or send the
signals of parts that are not here; their texts say so. `declare` of `before_task_publish` is always an empty list.
An app hears of its messages from the moment its configuration is read.
"""

from __future__ import annotations

from logging import Logger
from threading import get_ident
from typing import TYPE_CHECKING, Any

from kernelq import hookimpl
from kernelq.contracts import StashKey

from . import api, listeners

if TYPE_CHECKING:
    from kernelq import KernelQ, Worker

STARTING: StashKey[dict[int, Worker]] = StashKey()
"""Thread id → the worker that starts on it and has not imported its modules yet."""

OPTIONS = ("hostname", "concurrency", "pool_name", "queues", "loglevel", "logfile")
"""What receivers of `celeryd_init` are told of the worker as its options; `pool_name` as ``pool``."""


@hookimpl
def app_configured(app: KernelQ) -> None:
    listeners.watch(app)


@hookimpl
def user_preload_options(app: KernelQ, options: dict[str, Any]) -> None:
    api.user_preload_options.send(app, app=app, options=options)


@hookimpl
def import_modules(app: KernelQ) -> None:
    api.import_modules.send(app)
    starting: dict[int, Worker] = app.stash.setdefault(STARTING, {})
    worker = starting.pop(get_ident(), None)
    if worker is not None:
        api.celeryd_after_setup.send(worker.hostname, instance=worker, conf=app.conf)


@hookimpl
def setup_logging(loglevel: int, logfile: str | None, format: str, colorize: bool) -> bool | None:
    answers = api.setup_logging.send(None, loglevel=loglevel, logfile=logfile, format=format, colorize=colorize)
    return True if answers else None


@hookimpl
def after_setup_logger(logger: Logger, loglevel: int, logfile: str | None, format: str, colorize: bool) -> None:
    api.after_setup_logger.send(
        None, logger=logger, loglevel=loglevel, logfile=logfile, format=format, colorize=colorize
    )


@hookimpl
def after_setup_task_logger(logger: Logger, loglevel: int, logfile: str | None, format: str, colorize: bool) -> None:
    api.after_setup_task_logger.send(
        None, logger=logger, loglevel=loglevel, logfile=logfile, format=format, colorize=colorize
    )


@hookimpl(tryfirst=True)
def worker_init(worker: Worker) -> None:
    options = {name.removesuffix("_name"): getattr(worker, name, None) for name in OPTIONS}
    api.celeryd_init.send(worker.hostname, instance=worker, conf=worker.app.conf, options=options)
    api.worker_init.send(worker)
    worker.app.stash.setdefault(STARTING, {})[get_ident()] = worker


@hookimpl
def worker_ready(worker: Worker) -> None:
    api.worker_ready.send(worker)


@hookimpl
def worker_shutting_down(worker: Worker, sig: str, how: str, exitcode: int) -> None:
    api.worker_shutting_down.send(worker.hostname, sig=sig, how=how, exitcode=exitcode)


@hookimpl
def worker_shutdown(worker: Worker) -> None:
    api.worker_shutdown.send(worker)


@hookimpl
def worker_before_create_process(app: KernelQ) -> None:
    api.worker_before_create_process.send(app)


@hookimpl
def worker_process_init(hostname: str) -> None:
    api.worker_process_init.send(hostname)


@hookimpl
def worker_process_shutdown(hostname: str, pid: int, exitcode: int) -> None:
    api.worker_process_shutdown.send(hostname, pid=pid, exitcode=exitcode)


@hookimpl
def beat_init(service: Any) -> None:
    api.beat_init.send(service)


@hookimpl
def beat_embedded_init(service: Any) -> None:
    api.beat_embedded_init.send(service)


@hookimpl
def heartbeat_sent(sender: Any) -> None:
    api.heartbeat_sent.send(sender)
