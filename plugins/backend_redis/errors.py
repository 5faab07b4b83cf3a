"""What is stored and cannot be read."""

from __future__ import annotations

from typing import Any

import msgspec
from kernelq.contracts import Outcome, unpack_outcome
from kernelq.errors import BackendGetMetaError


def read_outcome(task_id: str, blob: Any) -> Outcome:
    """The outcome in a blob.

    Raises:
        BackendGetMetaError: it is damaged; names the task.
    """
    try:
        return unpack_outcome(blob)
    except (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise BackendGetMetaError(
            f"the stored outcome of task {task_id!r} cannot be read: {error}; forget it to go on", task_id
        ) from error
