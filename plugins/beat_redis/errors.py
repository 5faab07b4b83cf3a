"""The engine speaks of brokers; here its errors become those of a store of results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kernelq.contracts import BackendError, BackendUnavailable, BrokerError, BrokerFull, BrokerUnavailable


@contextmanager
def store_errors() -> Iterator[None]:
    """A block whose engine errors leave it as `BackendUnavailable`, or `BackendError` if trying again is no use."""
    try:
        yield
    except (BrokerUnavailable, BrokerFull) as error:
        raise BackendUnavailable(str(error)) from error
    except BrokerError as error:
        raise BackendError(str(error)) from error
