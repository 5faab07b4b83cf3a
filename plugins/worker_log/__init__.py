"""Worker log: sets logging up when a worker starts, and names the running task in the logs of tasks.

``get_task_logger(name)`` (from `kernelq`) gives a logger whose lines carry the task's name and id. A plugin that
implements the hook `setup_logging` itself takes this one's place.

Settings: `worker_hijack_root_logger`, `worker_log_color`, `worker_log_format`, `worker_task_log_format`.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelq import KernelQ, Option, hookimpl

FORMAT = "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s"
TASK_FORMAT = "[%(asctime)s: %(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s"


@hookimpl
def settings() -> Sequence[Option]:
    """How the log looks."""
    return (
        Option("worker_hijack_root_logger", bool, True, "remove earlier handlers of the root logger", ("CELERYD_HIJACK_ROOT_LOGGER",)),
        Option("worker_log_color", bool, None, "colours in the log; default: on a terminal", ("CELERYD_LOG_COLOR",)),
        Option("worker_log_format", str, FORMAT, "format of the worker's log", ("CELERYD_LOG_FORMAT",)),
        Option("worker_task_log_format", str, TASK_FORMAT, "format of the tasks' log", ("CELERYD_TASK_LOG_FORMAT",)),
    )  # fmt: skip


@hookimpl(trylast=True)
def setup_logging(app: KernelQ, loglevel: int, logfile: str | None, colorize: bool) -> bool:
    """Configure the root logger and the tasks' logger."""
    from .log import setup

    setup(app, loglevel, logfile, colorize=colorize)
    return True
