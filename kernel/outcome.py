"""States and outcomes: what is known of a task, as it is stored."""

from __future__ import annotations

from typing import Any

import msgspec

from .message import JSON

PENDING = "PENDING"
RECEIVED = "RECEIVED"
STARTED = "STARTED"
SUCCESS = "SUCCESS"
FAILURE = "FAILURE"
REVOKED = "REVOKED"
REJECTED = "REJECTED"
RETRY = "RETRY"
IGNORED = "IGNORED"

READY_STATES = frozenset({SUCCESS, FAILURE, REVOKED})
UNREADY_STATES = frozenset({PENDING, RECEIVED, STARTED, REJECTED, RETRY})
EXCEPTION_STATES = frozenset({RETRY, FAILURE, REVOKED})
PROPAGATE_STATES = frozenset({FAILURE, REVOKED})
ALL_STATES = READY_STATES | UNREADY_STATES


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One stored state of one task, with its value or error.

    `value` is serialised by the kernel (`content_type`); backends keep it as it is. `fence` orders
    the writes of one task: a backend refuses a write whose fence is lower than the stored one, and
    any write over a SUCCESS. `reason` says why beyond the state: ``expired``, ``revoked``,
    ``terminated``, ``crashed``, ``timed_out``, ``rejected``, ``undecodable``, ``unknown``.
    """

    id: str
    state: str
    fence: int = 0
    value: bytes | None = None
    content_type: str = JSON
    traceback: str | None = None
    reason: str | None = None
    task: str | None = None
    worker: str | None = None
    retries: int = 0
    done_at: float | None = None
    """UTC epoch seconds, set for ready states."""
    ttl: float | None = None
    """Seconds to keep it from when it is stored; None keeps it for ever."""
    parent_id: str | None = None
    root_id: str | None = None
    group_id: str | None = None
    children: tuple[Any, ...] = ()
    """The results of tasks this one called, each as ``AsyncResult.as_tuple()``."""
    reply_to: str | None = None
    """`Message.reply_to` of the task: for backends that send outcomes to who asked."""
    extra: dict[str, Any] = {}
    """Fields of the message by name, when `result_extended` is on: queue, body, content_type, compression, stamps."""

    @property
    def is_ready(self) -> bool:
        """Whether the task has come to its end."""
        return self.state in READY_STATES


def fence_of(retries: int, claims: int, replaced: int = 0) -> int:
    """The fence of an attempt: what a task was replaced by beats it, then later retries earlier ones, then later claims.

    `claims` is how often the engine handed this very message out; 2**20 claims of one retry are
    more than any engine makes before it goes to the dead letters.
    """
    return (replaced << 40) | (retries << 20) | claims


def accepts(stored: Outcome | None, new: Outcome) -> bool:
    """Whether `new` may replace `stored`: the rule every backend keeps, see `Outcome`."""
    if stored is None:
        return True
    return stored.state != SUCCESS and new.fence >= stored.fence


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Outcome)

pack_outcome = _encoder.encode
"""`pack_outcome(outcome) -> bytes`: the blob form backends store."""

unpack_outcome = _decoder.decode
"""`unpack_outcome(blob) -> Outcome`; raises `msgspec.DecodeError` on a damaged blob."""
