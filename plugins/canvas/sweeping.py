"""Sweeping: joins whose last step was lost, or whose members are silent for too long."""

from __future__ import annotations

import logging

from kernelq import KernelQ

from .store import store_of

log = logging.getLogger("kernelq.worker")

EVERY = 60.0
"""Seconds between two looks."""
FIRED_FOR = 60.0
"""Seconds after which a join that has fired, and is not followed yet, is asked to be followed again. Only a store that is
not on the broker's engine can lose that message; where the broker knows it still, asking again does nothing."""


def sweep(app: KernelQ, fired: float = FIRED_FOR) -> int:
    """Publish the messages of overdue joins again; how many there were.

    Raises:
        BackendUnavailable, BrokerUnavailable: not now; the next sweep goes on.
    """
    store = store_of(app)
    if store is None:
        return 0
    messages = store.overdue(fired=fired, open=app.conf.canvas_deadline)
    if messages:
        log.warning("%d workflows waited for their next step, which is sent again", len(messages))
        app.publisher.publish(messages)
    store.cleanup()
    return len(messages)
