"""The engine speaks of brokers; here its errors become those of a backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from kernelq.contracts import (
    BackendError,
    BackendUnavailable,
    BrokerError,
    BrokerFull,
    BrokerUnavailable,
    Outcome,
    unpack_outcome,
)
from kernelq.errors import BackendGetMetaError


@contextmanager
def backend_errors() -> Iterator[None]:
    """A block whose engine errors leave it as `BackendUnavailable`, or `BackendError` if trying again is no use."""
    try:
        yield
    except (BrokerUnavailable, BrokerFull) as error:
        raise BackendUnavailable(str(error)) from error
    except BrokerError as error:
        raise BackendError(str(error)) from error


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
