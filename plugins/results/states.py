"""The states of tasks, the sets of them, and which says more (`kernelq.states`).

    PENDING    unknown, or waiting                    RETRY    failed, and will run again
    RECEIVED   a worker has it                        SUCCESS  ended with a value
    STARTED    runs (`task_track_started`)            FAILURE  ended with an error
    REJECTED   given back                             REVOKED  will not run: revoked or expired
    IGNORED    ended without a state

Any other text is a state of the task's own (`Task.update_state`).
"""

from __future__ import annotations

from kernelq.contracts import (
    EXCEPTION_STATES,
    FAILURE,
    PENDING,
    PROPAGATE_STATES,
    READY_STATES,
    RETRY,
    REVOKED,
    STARTED,
    SUCCESS,
)

__all__ = [
    "ALL_STATES", "EXCEPTION_STATES", "FAILURE", "IGNORED", "NONE_PRECEDENCE", "PENDING", "PRECEDENCE", "PROPAGATE_STATES",
    "READY_STATES", "RECEIVED", "REJECTED", "RETRY", "REVOKED", "STARTED", "SUCCESS", "UNREADY_STATES", "precedence",
    "state",
]  # fmt: skip

RECEIVED = "RECEIVED"
REJECTED = "REJECTED"
IGNORED = "IGNORED"

UNREADY_STATES = frozenset({PENDING, RECEIVED, STARTED, REJECTED, RETRY})
ALL_STATES = frozenset({PENDING, RECEIVED, STARTED, SUCCESS, FAILURE, RETRY, REVOKED})

PRECEDENCE: tuple[str | None, ...] = (
    SUCCESS, FAILURE, None, REVOKED, STARTED, RECEIVED, REJECTED, RETRY, PENDING,
)  # fmt: skip
"""The states from the one that says most; None stands for the task's own."""

_RANKS = {name: rank for rank, name in enumerate(PRECEDENCE)}

NONE_PRECEDENCE = _RANKS[None]


def precedence(name: str) -> int:
    """The rank of a state: the lower, the more it says."""
    return _RANKS.get(name, NONE_PRECEDENCE)


class state(str):
    """A state that compares by precedence: ``state(PENDING) < state(SUCCESS)``."""

    __slots__ = ()

    def __gt__(self, other: str) -> bool:
        return precedence(self) < precedence(other)

    def __ge__(self, other: str) -> bool:
        return precedence(self) <= precedence(other)

    def __lt__(self, other: str) -> bool:
        return precedence(self) > precedence(other)

    def __le__(self, other: str) -> bool:
        return precedence(self) >= precedence(other)
