"""Offered as `kernelq.utils.log`; all is at home in `kernelq` and in the standard library.

Imported under that name it is a module of its own beside ``kernelq_plugins.app_surface.utils.log``, so it keeps no state.
"""

from __future__ import annotations

import logging

from kernelq import get_task_logger

__all__ = ["get_logger", "get_task_logger", "task_logger", "worker_logger"]

task_logger = logging.getLogger("kernelq.task")
worker_logger = logging.getLogger("kernelq.worker")


def get_logger(name: str) -> logging.Logger:
    """The logger of this name."""
    return logging.getLogger(name)
