"""The lifeline: a child does not outlive its supervisor, however that ended.

Nobody would renew such a child's lease, keep its time limits or see what it does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""prctl(2); Linux sends the signal when the *thread* that forked ends, and the supervisor's outlives its children."""


class Lifeline:
    """Made by the supervisor before it forks; `hold` is called in each child.

    Linux kills the child itself. Elsewhere a thread waits for the end of a pipe that only the supervisor holds
    open, so a task that never lets go of the interpreter's lock is not reached.
    """

    def __init__(self, *, by_kernel: bool = sys.platform == "linux") -> None:
        self._supervisor = os.getpid()
        self._pipe = None if by_kernel else os.pipe()

    def hold(self) -> None:
        """From now on this process ends with the supervisor; at once when that is gone already."""
        if self._pipe is None:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        else:
            reader, writer = self._pipe
            os.close(writer)
            threading.Thread(target=_end_with, args=(reader,), name="lifeline", daemon=True).start()
        if os.getppid() != self._supervisor:
            os._exit(1)

    def close(self) -> None:
        """Let go; called by the supervisor once its children are gone."""
        for end in self._pipe or ():
            os.close(end)
        self._pipe = None


def _end_with(reader: int) -> None:
    os.read(reader, 1)
    os.killpg(0, signal.SIGKILL)
