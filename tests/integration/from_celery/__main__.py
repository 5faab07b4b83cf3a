"""Run the cases, all or those named.

python -m from_celery FOLDER [CASE …]       writes FOLDER/outcomes.json
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from kernelq import signals

from . import asking, calling, composing, ending, signing
from .case import CASES

MODULES = (calling, signing, composing, ending, asking)

published: list[str] = []
"""The ids of what this process published during a case."""


@signals.before_task_publish.connect
def note(headers: dict[str, Any], **rest: Any) -> None:
    published.append(headers["id"])


def main() -> None:
    """Each case's outcome, the ids of its tasks, and how long it took."""
    outcomes = {}
    for name in sys.argv[2:] or CASES:
        published.clear()
        began = time.monotonic()
        try:
            outcome = json.loads(json.dumps(CASES[name]()))
        except Exception as failed:  # noqa: BLE001  (the next case may be asked all the same)
            traceback.print_exc()
            outcome = {"the case failed": f"{type(failed).__name__}: {failed}"}
        seconds = time.monotonic() - began
        outcomes[name] = {"outcome": outcome, "ids": list(dict.fromkeys(published)), "seconds": seconds}
    Path(sys.argv[1], "outcomes.json").write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main()
