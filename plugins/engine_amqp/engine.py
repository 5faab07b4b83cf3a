"""`AmqpEngine`: the connections of this process to one server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from kernelq.contracts import BrokerRefused, BrokerUnavailable, Engine

from .address import addresses
from .contract import Begin, Parcel
from .link import Link
from .press import Press
from .wire import Wire


class AmqpEngine(Engine):
    """One server or cluster; see `kernelq.amqp.AmqpEngine`."""

    family: ClassVar[str] = "amqp"

    def __init__(self, url: str) -> None:
        self._addresses = addresses(url)
        self.where = self._addresses[0].where
        self._lock = threading.Lock()
        self._press: Press | None = None  # publishes
        self._desk: Link | None = None  # declares, asks, reads

    @classmethod
    def canonical(cls, url: str) -> str:
        return ";".join(f"{each.user}@{each.where}" for each in addresses(url))

    def connect(
        self, *, name: str, heartbeat: float | None = None, on_blocked: Callable[[str | None], None] | None = None
    ) -> Link:
        """See `kernelq.amqp`; `on_blocked` as of `Link`."""
        beat = None if heartbeat is None else max(1, int(heartbeat))
        for address in self._addresses[:-1]:
            try:
                return Link(address, name=name, heartbeat=beat, timeout=self.connect_timeout, on_blocked=on_blocked)
            except BrokerRefused:
                raise
            except BrokerUnavailable:
                pass  # the next node
        last = self._addresses[-1]
        return Link(last, name=name, heartbeat=beat, timeout=self.connect_timeout, on_blocked=on_blocked)

    def publish(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        return self._open_press().publish(parcels)

    def wire(self) -> Wire:
        return self._open_desk().wire()

    def ask(self, begin: Begin) -> Any:
        wire = self.wire()
        try:
            return wire.ask(begin)
        finally:
            wire.close()

    def server(self) -> Mapping[str, Any]:
        return self._open_desk().server

    def close(self) -> None:
        with self._lock:
            press, self._press = self._press, None
            desk, self._desk = self._desk, None
        if press is not None:
            press.link.close()
        if desk is not None:
            desk.close()

    def forget_connections(self) -> None:
        # The sockets are the parent's, and so are the threads: nothing to close here.
        self._lock = threading.Lock()
        self._press = None
        self._desk = None

    def _open_desk(self) -> Link:
        with self._lock:
            if self._desk is None or self._desk.ended is not None:
                self._desk = self.connect(name="kernelq desk")
            return self._desk

    def _open_press(self) -> Press:
        with self._lock:
            if self._press is not None and self._press.ended is not None:
                self._press.link.drop()
                self._press = None
            if self._press is None:
                self._press = Press(self._connect_press, where=self.where, timeout=self.connect_timeout)
            return self._press

    def _connect_press(self, on_blocked: Callable[[str | None], None]) -> Link:
        return self.connect(name="kernelq publisher", on_blocked=on_blocked)
