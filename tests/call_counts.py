"""How many functions, of Python and of C, some code calls, by name: the measure of cost that a busy machine does not bend."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls_of(run: Callable[[], Any]) -> Counter[str]:
    """The calls made by `run` on this thread, `run` itself not counted."""
    names: Counter[str] = Counter()

    def note(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            names[frame.f_code.co_name] += 1
        elif event == "c_call":
            names[arg.__name__] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    names["setprofile"] -= 1  # that which ends it
    names[run.__name__] -= 1
    return +names
