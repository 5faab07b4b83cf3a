"""Every exception users catch or raise, under the names they know (`kernelq.exceptions`).

Those of the kernel (`kernelq.errors`) and those of plugins. A name whose plugin is asked for only when it is used:
`QueueNotFound` of ``kernelq.routing``, `SchedulingError` of ``kernelq.beat``, `ParseException` of ``kernelq.schedules``.
"""

# mypy: implicit-reexport
# ruff: noqa: F401, I001  (one of a kind in a line would hide that these are all)

from __future__ import annotations

from importlib import import_module
from typing import Any

from kernelq.errors import (
    BackendError, BackendGetMetaError, BackendUnavailable, BrokerError, BrokerFull, BrokerRefused, BrokerUnavailable,
    CapabilityMissing, ContentDisallowed, DecodeError, DriverNotFound, DuplicateTaskNameWarning, EncodeError, Ignore,
    ImproperlyConfigured, InvalidTaskError, KernelQError, MaxRetriesExceededError, NoBackend, NotRegistered,
    OperationalError, PluginConflict, PluginError, Reject, Retry, SerializationError, SoftTimeLimitExceeded, StepFailed,
    TaskError, TaskPredicate, TaskRevokedError, TimeLimitExceeded, TimeoutError, UnknownSetting, WorkerLostError,
)  # fmt: skip

from .errors import (
    AlreadyRegistered, AlwaysEagerIgnored, BackendStoreError, ChordError, CommandException, DuplicateNodenameWarning,
    FixupWarning, IncompleteStream, KernelQWarning, NotConfigured, NotKept, RemoteTraceback, SecurityError,
    SecurityWarning, Terminated, UnknownStoredError, WorkerShutdown, WorkerTerminate,
)  # fmt: skip

CeleryError = KernelQError
CeleryWarning = KernelQWarning
CeleryCommandException = CommandException
RetryTaskError = Retry
CDeprecationWarning = DeprecationWarning
CPendingDeprecationWarning = PendingDeprecationWarning

_ELSEWHERE = {"QueueNotFound": "routing", "SchedulingError": "beat", "ParseException": "schedules"}
"""Name → the module below ``kernelq`` that a plugin offers."""

__all__ = sorted(  # noqa: PLE0605  (the names of a module are strings)
    name for name, value in globals().items() if isinstance(value, type) and issubclass(value, BaseException)
)


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module 'kernelq.exceptions' has no attribute {name!r}")
    try:
        return getattr(import_module(f"kernelq.{_ELSEWHERE[name]}"), name)
    except ImportError as error:
        raise AttributeError(f"{name} lives in a plugin that is not here: {error}") from error
