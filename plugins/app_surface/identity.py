"""Ids of an app in one process and in one thread, for whoever waits for answers there."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from kernelq import uuid
from kernelq.contracts import StashKey

if TYPE_CHECKING:
    from kernelq import KernelQ


class _Own(threading.local):
    """Process id → id of the app in this thread; a forked child goes on with a copy of its parent's."""

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}


PROCESS: StashKey[dict[int, str]] = StashKey()
THREADS: StashKey[_Own] = StashKey()


def of_process(app: KernelQ) -> str:
    """The app's id in this process; another one in a forked child."""
    return app.stash.setdefault(PROCESS, {}).setdefault(os.getpid(), uuid())


def of_thread(app: KernelQ) -> str:
    """The app's id in this thread of this process."""
    return app.stash.setdefault(THREADS, _Own()).ids.setdefault(os.getpid(), uuid())
