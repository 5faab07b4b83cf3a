"""The worker's log: its handlers, its format, and the running task in the lines of tasks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, get_task_logger, hookimpl


@pytest.fixture(autouse=True)
def loggers() -> Iterator[list[logging.Logger]]:
    """The root logger and that of tasks; as before at the end."""
    found = [logging.getLogger(), logging.getLogger("kernelq.task")]
    before = [(list(logger.handlers), logger.level, logger.propagate) for logger in found]
    yield found
    for logger, (handlers, level, propagate) in zip(found, before, strict=True):
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def set_up(app: KernelQ, logfile: Path | None = None, *, colorize: bool = False) -> None:
    app.plugins.hook.setup_logging(
        app=app,
        loglevel=logging.INFO,
        logfile=None if logfile is None else str(logfile),
        format=app.conf.worker_log_format,
        colorize=colorize,
    )


def test_lines_of_tasks_name_the_task_and_its_id(app: KernelQ, lane: Any, tmp_path: Path) -> None:
    log = get_task_logger("sums")
    app.task(name="t")(lambda: log.info("inside")).apply_async(task_id="i1")
    set_up(app, tmp_path / "log")

    lane.run()
    log.info("outside")

    text = (tmp_path / "log").read_text()
    assert "t[i1]: inside" in text
    assert "???[???]: outside" in text
    assert text.count("inside") == 1


@pytest.mark.parametrize("hijacks", [True, False])
def test_earlier_handlers_of_the_root_logger_are_removed_unless_told_otherwise(
    app: KernelQ, loggers: list[logging.Logger], hijacks: bool
) -> None:
    mine = logging.NullHandler()
    loggers[0].addHandler(mine)
    app.conf.worker_hijack_root_logger = hijacks

    set_up(app)

    assert (mine in loggers[0].handlers) is not hijacks


@pytest.mark.parametrize(("wanted", "is_coloured"), [(None, True), (False, False)])
def test_lines_are_coloured_by_their_level_unless_that_is_off(
    app: KernelQ, loggers: list[logging.Logger], wanted: bool | None, is_coloured: bool
) -> None:
    app.conf.worker_log_color = wanted
    set_up(app, colorize=True)
    record = logging.LogRecord("x", logging.ERROR, "", 0, "bad", None, None)

    text = loggers[0].handlers[-1].format(record)

    assert text.startswith("\033[31m") is is_coloured


def test_plugins_are_told_of_both_loggers(app: KernelQ, loggers: list[logging.Logger]) -> None:
    told: list[logging.Logger] = []

    class Listener:
        @hookimpl
        def after_setup_logger(self, logger: logging.Logger) -> None:
            told.append(logger)

        @hookimpl
        def after_setup_task_logger(self, logger: logging.Logger) -> None:
            told.append(logger)

    app.register_plugin(Listener())

    set_up(app)

    assert told == loggers
