"""The exceptions and warnings of this plugin; public as ``kernelq.exceptions``."""

from __future__ import annotations

from typing import Any

from kernelq import KernelQError
from kernelq.contracts import BackendError
from kernelq.errors import TaskError


class SecurityError(KernelQError):
    """A stored result names a class that is no exception; calling it could do anything."""


class UnknownStoredError(Exception):
    """Stands in for a stored exception whose class cannot be found here; subclasses bear its name."""


class RemoteTraceback(Exception):
    """The traceback of a task, as the cause of the exception that `get` raises (setting `task_remote_tracebacks`)."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text.rstrip()}\n"""'


class BackendStoreError(BackendError):
    """An outcome could not be stored; `state` and `task_id` say which."""

    def __init__(self, message: str = "", *, state: str | None = None, task_id: str | None = None) -> None:
        super().__init__(message)
        self.state = state
        self.task_id = task_id


class NotKept(BackendError, NotImplementedError):
    """The result backend sends outcomes to who asked and keeps none, so it cannot do this."""


class ChordError(TaskError):
    """A part of a chord failed, or its body could not be called."""


class IncompleteStream(TaskError):
    """The tree of results was walked before it was complete."""


class AlreadyRegistered(TaskError):
    """A task of that name is there already."""


class Terminated(Exception):
    """The task was terminated by a signal."""


class WorkerTerminate(SystemExit):
    """Ends a worker at once."""


class WorkerShutdown(SystemExit):
    """Ends a worker when its tasks have ended."""


class CommandException(Exception):
    """A command that ends with `exit_code`, after saying why."""

    def __init__(self, message: str | None = None, exit_code: int = 1, *arguments: Any) -> None:
        super().__init__(message, *arguments)
        self.message = message
        self.exit_code = exit_code


class KernelQWarning(UserWarning):
    """Base of the warnings."""


class AlwaysEagerIgnored(KernelQWarning):
    """`send_task` does not look at the setting `task_always_eager`."""


class DuplicateNodenameWarning(KernelQWarning):
    """Two workers bear one name."""


class FixupWarning(KernelQWarning):
    """A framework could not be set up."""


class NotConfigured(KernelQWarning):
    """There is no configuration; the defaults count."""


class SecurityWarning(KernelQWarning):
    """What is asked for can be misused."""
