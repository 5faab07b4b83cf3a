"""Claiming: a key is had, or somebody holds it who is still there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kernelq.contracts import BrokerUnavailable
from msgspec.structs import replace

from .celery_form import patience
from .contract import Claim, Holder, Keep, LockStore

if TYPE_CHECKING:
    from kernelq import KernelQ

_LOOK_EVERY = 0.05
"""Seconds between two tries of a call that waits for a key (`blocking`)."""


def claim(app: KernelQ, store: LockStore, wanted: Claim) -> Holder | None:
    """None when the key is had, else who holds it. Waits as `ONCE` says. Raises `BackendUnavailable`."""
    return claim_within(patience(app), app, store, wanted)


def claim_within(seconds: float, app: KernelQ, store: LockStore, wanted: Claim) -> Holder | None:
    """`claim`, waiting so long for a key that is held."""
    deadline = time.monotonic() + seconds
    while (holder := _try(app, store, wanted)) is not None and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
    return holder


def _try(app: KernelQ, store: LockStore, wanted: Claim) -> Holder | None:
    [holder] = store.claim([wanted])
    if holder is None or not holder.queue or holder.remaining > 0:
        return holder
    if _is_there(app, holder.queue):
        store.apply([Keep(holder.key, holder.token, wanted.ttl, holder.queue)])
        return holder
    # Whoever comes between is seen: only this very holder gives way.
    [holder] = store.claim([replace(wanted, over=holder.token)])
    return holder


def _is_there(app: KernelQ, queue: str) -> bool:
    """Whether a message may still be in this queue: waiting, for later or held by a worker."""
    try:
        stats = next((each for each in app.broker.queues() if each.name == queue), None)
    except BrokerUnavailable:
        return True  # nobody knows
    return stats is not None and stats.ready + stats.delayed + stats.running > 0
