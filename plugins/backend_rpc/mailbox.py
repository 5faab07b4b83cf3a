"""The mailbox: the reply queue of this process, and the one consumer that fills its shelf."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any
from uuid import uuid4

from kernelq.amqp import AmqpEngine, Link
from kernelq.contracts import BrokerUnavailable, Outcome

from .letter import read

log = logging.getLogger("kernelq.rpc")

KEPT = 600
"""Seconds a reply queue stays on the server while nobody reads it: so long a process may be cut off and miss nothing."""

PREFETCH = 1000


class Mailbox:
    """A reply queue named `name`; `on_outcomes` gets what arrives, `on_end` is told when the connection ends."""

    def __init__(
        self,
        engine: AmqpEngine,
        *,
        loads: Callable[[str, bytes], Any],
        on_outcome: Callable[[Outcome], None],
        on_end: Callable[[], None],
    ) -> None:
        self.name = str(uuid4())
        self._engine = engine
        self._loads = loads
        self._on_outcome = on_outcome
        self._on_end = on_end
        self._lock = Lock()
        self._link: Link | None = None
        self._was_open = False

    @property
    def is_open(self) -> bool:
        """Whether what is sent here arrives at once."""
        return self._link is not None and self._link.ended is None

    @property
    def is_declared(self) -> bool:
        """Whether it was open once, so that what is sent here waits for us."""
        return self._was_open

    def open(self) -> None:
        """Declare the queue and read it, again if the connection was lost. Raises `BrokerUnavailable`."""
        with self._lock:
            if self.is_open:
                return
            link = self._engine.connect(name="kernelq results")
            try:
                link.wire(on_end=self._on_end).ask(self._begin)
            except BrokerUnavailable:
                link.drop()
                raise
            self._link, self._was_open = link, True

    def close(self) -> None:
        """Delete the queue: nobody will read it any more."""
        with self._lock:
            link, self._link = self._link, None
            self._was_open = False
        if link is None or link.ended is not None:
            return
        try:
            link.wire().ask(lambda channel, done: channel.queue_delete(self.name, callback=done))
        except BrokerUnavailable as error:
            log.debug("the reply queue %s is left to end by itself: %s", self.name, error)
        link.close()

    def _begin(self, channel: Any, done: Any) -> None:
        arguments = {"x-expires": KEPT * 1000}
        channel.queue_declare(self.name, durable=True, arguments=arguments, callback=lambda _: None)
        channel.basic_qos(prefetch_count=PREFETCH, callback=lambda _: None)
        channel.basic_consume(self.name, self._on_message, callback=done)

    def _on_message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        try:
            self._on_outcome(read(body, properties.content_type or "", self._loads))
        except Exception:  # whatever somebody sent here must not end the connection
            log.exception("a reply about %s cannot be read and is dropped", properties.correlation_id)
        channel.basic_ack(method.delivery_tag)
