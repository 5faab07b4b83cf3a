"""How much memory this process holds."""

from __future__ import annotations

import resource
import sys

_KIB_PER_PAGE = resource.getpagesize() // 1024


def resident_kib() -> int:
    """Resident memory in KiB: now on Linux, at most so far elsewhere."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * _KIB_PER_PAGE
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most // 1024 if sys.platform == "darwin" else most
