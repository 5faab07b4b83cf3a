"""Processes that a task forks (by `multiprocessing`, say): a signal ends them, as anybody expects.

They would inherit the child's handlers, and then SIGTERM would ask a lane to stop that is not theirs.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Set
from typing import Final

_OURS: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGUSR1})


class _Mask(threading.local):
    """The signal mask to go back to after the fork under way in this thread."""

    signals: Set[int] = frozenset()


_mask = _Mask()


def give_signals_back_in_forks() -> None:
    """From now on processes forked from this one take signals by their default."""
    os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_give_back)


def _block() -> None:
    # A signal that came between the fork and the default handler would be lost.
    _mask.signals = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _mask.signals)


def _give_back() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    _unblock()
