"""Trying again to publish what the broker did not accept."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from kernelq.contracts import BackendUnavailable, BrokerError, BrokerFull, BrokerUnavailable, Message, intervals

if TYPE_CHECKING:
    from kernelq import KernelQ
    from kernelq.contracts import Outcome

log = logging.getLogger("kernelq.publish")


def try_again(
    app: KernelQ, messages: Sequence[Message], policy: Mapping[str, Any], error: BrokerError, began: float
) -> None:
    """Publish until it is accepted or the policy says it is enough; `began` is when the first try did, monotonic seconds.

    Raises:
        BrokerUnavailable, BrokerFull: what the last try came to.
    """
    limit, timeout = policy["max_retries"], policy["timeout"]
    waits = intervals(policy["interval_start"], policy["interval_step"], policy["interval_max"])
    tried = began  # when the last try began
    for wait in waits if limit is None else islice(waits, limit):
        # Another try takes as long as the last one, and the caller was promised an answer by then.
        now = time.monotonic()
        if timeout is not None and now - began + wait + now - tried > timeout:
            break
        log.warning("publishing failed, trying again in %.1f s: %s", wait, error)
        time.sleep(wait)
        tried = time.monotonic()
        messages = _unheard(app, messages)
        try:
            return app.broker.publish(messages)
        except (BrokerUnavailable, BrokerFull) as again:
            error = again
    raise error


def _unheard(app: KernelQ, messages: Sequence[Message]) -> Sequence[Message]:
    """Those without a newer outcome: when only the answer was lost, a task may have ended before this try."""
    if not app.backend_url:
        return messages
    try:
        stored = app.backend.get_many([message.id for message in messages])
    except BackendUnavailable:
        return messages
    return [message for message in messages if not _follows(stored.get(message.id), message)]


def _follows(outcome: Outcome | None, message: Message) -> bool:
    """Whether an outcome came of this very message, or of a later try of its task."""
    if outcome is None or outcome.retries < message.retries:
        return False
    return outcome.done_at is None or outcome.done_at >= (message.sent_at or 0.0)
