"""Puts this process's wall clock off by as many seconds as the file FAULTS_CLOCK says; its monotonic clock goes on.

Imported by Python itself at its start, before anything could have kept the true ``time.time``.
"""

from __future__ import annotations

import os
import time

_true = time.time


def _put_off() -> float:
    try:
        with open(os.environ["FAULTS_CLOCK"]) as file:
            return _true() + float(file.read() or 0.0)
    except OSError:
        return _true()


time.time = _put_off
