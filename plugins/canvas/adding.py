"""Adding: a task that lets others join the header of its chord while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .canonical import canonical
from .composite import made
from .ends import ADDED
from .ids import derived_ids
from .steps import steps_of

if TYPE_CHECKING:
    from kernelq import Context, Task

    from .signature import Signature


def add(task: Task[..., Any], request: Context, sig: Signature[Any]) -> None:
    """Note down that `sig` is to be started with the end of this run, see `following`."""
    added: list[Any] = vars(request).setdefault(ADDED, [])
    with derived_ids(f"{request.id}/{request.retries}/added/{len(added)}"):
        ready = canonical(made(sig, task.app))
        if ready is not None:
            ready.freeze()
            added.append(steps_of(ready))
