"""The border of redis-py: its errors leave the engine as ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from kernelq.contracts import BrokerError, BrokerFull, BrokerRefused, BrokerUnavailable
from redis import exceptions as library

_TRANSIENT = re.compile(r"\b(LOADING|BUSY|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|MOVED|UNKILLABLE)\b")
"""What servers say that they will not say for ever."""

_FULL = re.compile(r"\b(OOM|MISCONF)\b")
"""No memory left; or nothing can be written to the disk."""

_REFUSALS = re.compile(
    r"\b(NOPERM|NOAUTH|WRONGPASS|DENIED)\b|invalid password|without any password|DB index is out of range"
)
"""What a password, a permission or another URL would cure, and no waiting."""

_AWAY = (
    library.ConnectionError,
    library.ReadOnlyError,
    library.ClusterError,
    library.ClusterDownError,
    library.MasterDownError,
    library.TryAgainError,
    library.RedisClusterException,
    OSError,
)

ERRORS = (library.RedisError, library.RedisClusterException, OSError)
"""What redis-py raises."""


@contextmanager
def broker_errors(where: str) -> Iterator[None]:
    """A block whose errors of the library leave it as ours, naming the server."""
    try:
        yield
    except ERRORS as error:
        raise translate(error, where) from error


def translate(error: Exception, where: str) -> BrokerError:
    """Our error for one of redis-py or of the system.

    The library cuts the code off where it knows it; inside a script an older server puts it in the middle of its answer.
    """
    text = str(error) or type(error).__name__
    refusals = (library.AuthenticationError, library.AuthorizationError, library.NoPermissionError)
    if isinstance(error, refusals) or _REFUSALS.search(text):
        return BrokerRefused(f"the Redis at {where} refuses us: {text}; see user and password in the URL")
    if isinstance(error, library.OutOfMemoryError):
        return BrokerFull(f"the Redis at {where} takes nothing more: OOM {text}")
    if _FULL.search(text):
        return BrokerFull(f"the Redis at {where} takes nothing more: {text}")
    if isinstance(error, library.TimeoutError | TimeoutError):
        return BrokerUnavailable(f"no answer from the Redis at {where}: {text}")
    if isinstance(error, _AWAY) or _TRANSIENT.search(text):
        return BrokerUnavailable(f"cannot use the Redis at {where} now: {text}")
    return BrokerError(f"the Redis at {where} answered: {text}")


def may_be_sent_again(error: object) -> bool:
    """Whether another connection may do at once what this one did not.

    Not after a time-out, for the caller has waited long enough.
    """
    temporary = (library.BusyLoadingError, library.AuthenticationError, library.MaxConnectionsError)
    return isinstance(error, library.ConnectionError) and not isinstance(error, temporary)
