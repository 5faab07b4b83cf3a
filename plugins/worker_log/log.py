"""The worker's log handlers and their format."""

from __future__ import annotations

import logging
from typing import Any

from kernelq import KernelQ
from kernelq.contracts import running

_COLOURS = {"WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[1;31m", "DEBUG": "\033[2m"}


class _Formatter(logging.Formatter):
    """Fills in the running task's name and id, and colours a line by its level if asked to."""

    def __init__(self, format: str, *, colorize: bool) -> None:
        super().__init__(format)
        self._colorize = colorize

    def format(self, record: logging.LogRecord) -> str:
        request = running()
        record.__dict__.setdefault("task_name", request.task if request else "???")
        record.__dict__.setdefault("task_id", request.id if request else "???")
        text = super().format(record)
        colour = _COLOURS.get(record.levelname) if self._colorize else None
        return f"{colour}{text}\033[0m" if colour else text


def get_task_logger(name: str) -> logging.Logger:
    """A logger for use inside tasks: a child of ``kernelq.task``, whose lines carry the task's name and id."""
    return logging.getLogger(f"kernelq.task.{name}")


def setup(app: KernelQ, loglevel: int, logfile: str | None, *, colorize: bool) -> None:
    """Give the root logger and ``kernelq.task`` a handler each, then tell the plugins."""
    conf = app.conf
    colorize = colorize and conf.worker_log_color is not False
    root, tasks = logging.getLogger(), logging.getLogger("kernelq.task")
    if conf.worker_hijack_root_logger:
        root.handlers.clear()
    tasks.handlers.clear()
    tasks.propagate = False
    about: dict[str, Any] = {"app": app, "loglevel": loglevel, "logfile": logfile, "colorize": colorize}
    _equip(root, loglevel, logfile, conf.worker_log_format, colorize)
    app.plugins.notify("after_setup_logger", logger=root, format=conf.worker_log_format, **about)
    _equip(tasks, loglevel, logfile, conf.worker_task_log_format, colorize)
    app.plugins.notify("after_setup_task_logger", logger=tasks, format=conf.worker_task_log_format, **about)


def _equip(logger: logging.Logger, level: int, logfile: str | None, format: str, colorize: bool) -> None:
    handler: logging.Handler = logging.StreamHandler()
    if logfile:
        from logging.handlers import WatchedFileHandler  # 2 ms, and few workers log to a file

        handler = WatchedFileHandler(logfile)
    handler.setFormatter(_Formatter(format, colorize=colorize))
    logger.addHandler(handler)
    logger.setLevel(level)
