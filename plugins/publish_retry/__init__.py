"""Publish retry: a call that the broker did not accept is tried again, as its retry policy says.

    task_publish_retry              whether to; a call's own `retry` wins
    task_publish_retry_policy       max_retries, interval_start, interval_step, interval_max, timeout; a call's own `retry_policy` wins

Install: part of ``pip install kernelq``. Without it the first error goes to the caller.

Guarantee: what was accepted while only the answer was lost is not published again once a worker has ended it, where outcomes
can be looked at; otherwise publishing is idempotent by the message's key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kernelq import hookimpl

if TYPE_CHECKING:
    from kernelq import KernelQ
    from kernelq.contracts import BrokerError, Message


@hookimpl
def publish_failed(
    app: KernelQ, messages: Sequence[Message], retry_policy: Mapping[str, Any], error: BrokerError, began: float
) -> bool:
    """Try again, within the policy."""
    from .again import try_again

    try_again(app, messages, retry_policy, error, began)
    return True
