"""Every exception of the kernel, in one tree; plugins add their own below `KernelQError`.

    KernelQError
    ├── ImproperlyConfigured ── UnknownSetting · CapabilityMissing
    ├── PluginError ── PluginConflict · DriverNotFound (ImproperlyConfigured)
    ├── StepFailed
    ├── BrokerError ── BrokerUnavailable (= OperationalError) ── BrokerRefused · BrokerFull
    ├── BackendError ── BackendUnavailable · BackendGetMetaError · NoBackend (NotImplementedError)
    ├── SerializationError ── EncodeError · DecodeError · ContentDisallowed
    └── TaskError ── NotRegistered (KeyError) · InvalidTaskError · TimeoutError (builtin too)
                     MaxRetriesExceededError · TaskRevokedError · WorkerLostError · TimeLimitExceeded
    TaskPredicate ── Ignore · Reject · Retry            what a task raises to say how it ends
    SoftTimeLimitExceeded                               raised inside a task at its soft limit

Messages are lower case without full stop: what was expected, what came, who and where, the way out.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from typing import Any

_SECRET = re.compile(r"(?P<head>[a-z0-9+.\-]*://[^:/?#;\s]*):(?P<secret>[^\s]*)@", re.IGNORECASE)
_QUERY_SECRET = re.compile(r"(?P<key>[?&](?:password|passwd|secret|token)=)[^&;,\s]*", re.IGNORECASE)
_SEVERAL = re.compile(r"(?<=[^;,])([;,])(?=[a-z][a-z0-9+.\-]*://)", re.IGNORECASE)


class KernelQError(Exception):
    """Base of every error KernelQ raises on its own account."""


class ImproperlyConfigured(KernelQError):
    """A setting, URL or option that cannot be used."""


class UnknownSetting(ImproperlyConfigured):
    """A setting that neither the kernel nor a loaded plugin declared."""


class CapabilityMissing(ImproperlyConfigured):
    """A setting needs something the chosen engine or pool cannot do."""


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
    """The broker cannot be reached now; nothing is known to be accepted, trying again may help."""


class BrokerRefused(BrokerUnavailable):
    """The broker will not have us: permissions, a wrong password, a file that is no database. Waiting does not help."""


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


class NoBackend(BackendError, NotImplementedError):
    """A result was asked for, but no result backend is configured."""


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


class TaskError(KernelQError):
    """Base of what can go wrong with one task."""


class NotRegistered(TaskError, KeyError):
    """No task of that name is registered here."""

    __str__ = Exception.__str__  # KeyError would show the repr of the message


class InvalidTaskError(TaskError):
    """A message that breaks the task message protocol."""


class TimeoutError(TaskError, builtins.TimeoutError):
    """`get(timeout=…)` waited long enough; the task goes on."""


class MaxRetriesExceededError(TaskError):
    """The retries are used up, and `retry()` was given no exception to raise instead."""

    def __init__(self, *args: Any, task_args: Any = (), task_kwargs: Any = None) -> None:
        super().__init__(*args)
        self.task_args = task_args
        self.task_kwargs = task_kwargs


class TaskRevokedError(TaskError):
    """The task was revoked, terminated, or expired before it ran."""


class WorkerLostError(TaskError):
    """The process that ran the task died, more often than it may."""


class TimeLimitExceeded(TaskError):
    """The hard time limit passed; the process running the task was killed."""


class SoftTimeLimitExceeded(Exception):
    """Raised inside a task when its soft time limit passes; catch it to clean up."""


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

    `exc` is why, `when` the seconds or the instant (datetime) of the next run, `sig` the message that will run.
    """

    def __init__(
        self, message: str | None = None, exc: BaseException | None = None, when: Any = None, sig: Any = None
    ) -> None:
        super().__init__(message, exc, when)
        self.message = message
        self.exc = exc
        self.when = when
        self.sig = sig

    def humanize(self) -> str:
        """Say when, in words: ``in 3s`` or ``at 2026-01-01 …``."""
        return f"in {self.when:g}s" if isinstance(self.when, int | float) else f"at {self.when}"

    def __str__(self) -> str:
        reason = self.message or (repr(self.exc) if self.exc is not None else "")
        return f"retry {self.humanize()}{': ' if reason else ''}{reason}"


class DuplicateTaskNameWarning(UserWarning):
    """Two different functions were given one task name; the first one counts."""


def nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """What a message says of the known name that is most like `name`; empty when none is, `cutoff` being from 0 to 1."""
    import difflib  # here, as for every import in a function of the kernel: an app that only starts needs it not

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {near[0]!r}?" if near else ""


def mask(url: str) -> str:
    """The URL, or several joined by ``;`` or ``,``, with each password replaced by ``**``.

    A password may itself hold ``,``, ``;`` or ``@``: all up to the last ``@`` of a URL is secret.
    """
    parts = _SEVERAL.split(url)
    return "".join(_mask_one(part) for part in parts)


def _mask_one(url: str) -> str:
    return _QUERY_SECRET.sub(r"\g<key>**", _SECRET.sub(r"\g<head>:**@", url))


def scheme(url: str) -> str:
    """The scheme that picks the driver: ``redis`` of ``redis://…``; a ``+library`` part does not count."""
    return url.partition("://")[0].partition(":")[0].partition("+")[0].lower()
