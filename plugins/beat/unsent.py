"""Sending what was claimed, where store and broker are not one engine."""

from __future__ import annotations

from kernelq import KernelQ
from kernelq.contracts import Message

from .contract import ScheduleStore, Sent


def send_open(app: KernelQ, store: ScheduleStore, key: str, instant: float, message: Message) -> None:
    """Publish a claimed occurrence, and have its message forgotten. Sending it twice is harmless while the first one waits or runs.

    Raises:
        BrokerUnavailable, BackendUnavailable: it is still kept, and the next look sends it.
    """
    app.broker.publish([message])
    store.apply([Sent(key=key, instant=instant)])
