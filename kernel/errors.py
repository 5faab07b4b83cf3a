"""Every exception KernelQ raises, in one tree.

    KernelQError
    ├── ImproperlyConfigured            a setting, URL or option that cannot be used
    │   ├── UnknownSetting              a setting nobody declared; names the nearest
    │   └── CapabilityMissing           a setting needs what the engine cannot do
    ├── PluginError                     a plugin is misspelt, in conflict, or will not load
    │   ├── PluginConflict              two plugins under one name
    │   └── DriverNotFound              no driver of that kind and name
    ├── StepFailed                      a bootstep could not start; names the step
    ├── BrokerError
    │   ├── BrokerUnavailable           not reachable now; trying again may help (OperationalError)
    │   └── BrokerFull                  reachable, but takes no more; trying again may help
    ├── BackendError
    │   ├── BackendUnavailable          not reachable now
    │   ├── BackendGetMetaError         an outcome could not be read
    │   └── BackendStoreError           an outcome could not be stored
    ├── SerializationError
    │   ├── EncodeError                 a value cannot be written; names where in the value
    │   ├── DecodeError                 bytes that cannot be read
    │   └── ContentDisallowed           a content type that was not allowed (pickle, yaml)
    ├── SecurityError                   a stored result names a class that is no exception
    ├── TaskError
    │   ├── NotRegistered (KeyError)    no task of that name here
    │   ├── QueueNotFound (KeyError)    no queue of that name, and none may be made
    │   ├── InvalidTaskError            a message that breaks the protocol
    │   ├── TimeoutError                `get(timeout=…)` waited long enough (builtin TimeoutError too)
    │   ├── MaxRetriesExceededError     the retries are used up and no exception was given
    │   ├── TaskRevokedError            the result of a revoked or expired task
    │   ├── ChordError                  a member of a chord's header failed
    │   ├── WorkerLostError             the process running the task died
    │   ├── TimeLimitExceeded           the hard limit; the process was killed
    │   └── IncompleteStream            a result tree read before it was ready
    ├── NoBackend (NotImplementedError) a result was asked for, but no backend is configured
    └── AlreadyQueued                   the same work is queued already (QueueOnce)

    TaskPredicate                       what a task raises to say how it ends
    ├── Ignore · Reject · Retry
    SoftTimeLimitExceeded               raised inside the task at its soft limit
    UnknownStoredError                  stands in for a stored exception whose class is not here

Messages are lower case without full stop: what was expected, what came, who and where, the way out.
"""

from __future__ import annotations

import builtins
from typing import Any


class KernelQError(Exception):
    """Base of every error KernelQ raises on its own account."""


class ImproperlyConfigured(KernelQError):
    """A setting, URL or option that cannot be used."""


class UnknownSetting(ImproperlyConfigured):
    """A setting that neither the kernel nor a loaded plugin declared."""


class CapabilityMissing(ImproperlyConfigured):
    """A setting needs something the chosen engine cannot do."""


class PluginError(KernelQError):
    """A plugin that cannot be loaded or used."""


class PluginConflict(PluginError):
    """Two plugins claim one name."""


class DriverNotFound(PluginError, ImproperlyConfigured):
    """No driver of this kind under this name."""


class StepFailed(KernelQError):
    """A bootstep could not start; `step` is its name, `__cause__` the reason."""

    def __init__(self, step: str, message: str) -> None:
        super().__init__(message)
        self.step = step


class BrokerError(KernelQError):
    """The broker could not do what it was asked."""


class BrokerUnavailable(BrokerError):
    """The broker cannot be reached now; nothing was accepted, trying again may help."""


class BrokerFull(BrokerError):
    """The broker is reachable but takes no more messages: a full disk or a memory alarm."""


OperationalError = BrokerUnavailable
"""The name users of the field catch for a broker that is away."""


class BackendError(KernelQError):
    """The result backend could not do what it was asked."""


class BackendUnavailable(BackendError):
    """The result backend cannot be reached now; trying again may help."""


class BackendGetMetaError(BackendError):
    """An outcome could not be read; `task_id` says whose."""

    def __init__(self, message: str, task_id: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id


class BackendStoreError(BackendError):
    """An outcome could not be stored; `task_id` and `state` say which."""

    def __init__(self, message: str, state: str | None = None, task_id: str | None = None) -> None:
        super().__init__(message)
        self.state = state
        self.task_id = task_id


class SerializationError(KernelQError):
    """A value that cannot be written or read."""


class EncodeError(SerializationError):
    """A value that cannot be written; `path` says where in it, such as ``[0]['when']``."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class DecodeError(SerializationError):
    """Bytes that cannot be read."""


class ContentDisallowed(SerializationError):
    """A content type that `accept_content` does not list; it was not decoded."""


class SecurityError(KernelQError):
    """A stored result asked for a class that is no exception."""


class TaskError(KernelQError):
    """Base of what can go wrong with one task."""


class NotRegistered(TaskError, KeyError):
    """No task of that name is registered here."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class QueueNotFound(TaskError, KeyError):
    """No queue of that name is configured and `task_create_missing_queues` is off."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InvalidTaskError(TaskError):
    """A message that breaks the task message protocol."""


class TimeoutError(TaskError, builtins.TimeoutError):
    """`get(timeout=…)` waited long enough; the task goes on."""


class MaxRetriesExceededError(TaskError):
    """The retries are used up, and `retry()` was given no exception to raise instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.task_args = kwargs.pop("task_args", ())
        self.task_kwargs = kwargs.pop("task_kwargs", {})
        super().__init__(*args)


class TaskRevokedError(TaskError):
    """The task was revoked, terminated, or expired before it ran."""


class ChordError(TaskError):
    """A member of a chord's header failed, so its body cannot run."""


class WorkerLostError(TaskError):
    """The process that ran the task died, more often than it may."""


class TimeLimitExceeded(TaskError):
    """The hard time limit (seconds) passed; the process running the task was killed."""


class IncompleteStream(TaskError):
    """A result tree was read before it was ready."""


class NoBackend(KernelQError, NotImplementedError):
    """A result was asked for, but no result backend is configured."""


class AlreadyQueued(KernelQError):
    """The same work is queued already; `countdown` is for how many seconds more, at most."""

    def __init__(self, countdown: float, task_id: str | None = None) -> None:
        super().__init__(f"expires in {countdown:g} seconds")
        self.countdown = countdown
        self.task_id = task_id


class SoftTimeLimitExceeded(Exception):
    """Raised inside a task when its soft time limit (seconds) passes; catch it to clean up."""


class UnknownStoredError(Exception):
    """Stands in for a stored exception whose class cannot be found here."""


class TaskPredicate(Exception):
    """Base of what a task raises to say how this run ends."""


class Ignore(TaskPredicate):
    """End this run without a state; the message is acknowledged."""


class Reject(TaskPredicate):
    """Reject this message: back to its queue (`requeue=True`) or to the dead letters."""

    def __init__(self, reason: Any = None, requeue: bool = False) -> None:
        super().__init__(reason, requeue)
        self.reason = reason
        self.requeue = requeue


class Retry(TaskPredicate):
    """Run again later; raised by `Task.retry`, not by hand.

    `exc` is why, `when` the seconds or the instant (datetime) of the next run, `sig` what will run.
    """

    def __init__(
        self,
        message: str | None = None,
        exc: BaseException | None = None,
        when: Any = None,
        is_eager: bool = False,
        sig: Any = None,
    ) -> None:
        super().__init__(message, exc, when)
        self.message = message
        self.exc = exc
        self.when = when
        self.is_eager = is_eager
        self.sig = sig

    def humanize(self) -> str:
        """Say when, in words: ``in 3s`` or ``at 2026-01-01 …``."""
        if isinstance(self.when, int | float):
            return f"in {self.when:g}s"
        return f"at {self.when}"

    def __str__(self) -> str:
        reason = self.message or (f"{self.exc!r}" if self.exc is not None else "")
        return f"Retry {self.humanize()}: {reason}" if reason else f"Retry {self.humanize()}"


class KernelQWarning(UserWarning):
    """Base of KernelQ's warnings."""


class DuplicateTaskNameWarning(KernelQWarning):
    """Two different functions were given one task name; the first one counts."""


class NotConfigured(KernelQWarning):
    """No configuration module was found; defaults are used."""
