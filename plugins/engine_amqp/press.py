"""The press: publishing with confirms, many messages at once, for all threads of a process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from kernelq.contracts import BrokerFull, BrokerUnavailable

from .contract import Parcel
from .link import Link
from .properties import Properties
from .wire import Answer, Wire

LATE_MOST = 10_000
"""Late confirms remembered."""

SHEET = 1000
"""Parcels sent before their confirms are awaited; a batch of 1000 costs one wait of some milliseconds."""


class Sheet:
    """Parcels published together, and what became of them. Written by the connection's thread."""

    def __init__(self, parcels: Sequence[Parcel]) -> None:
        self.parcels = [(parcel, Properties(parcel.properties)) for parcel in parcels]
        self.answer = Answer()
        self.open = 0  # unconfirmed
        self.returned: list[Parcel] = []
        self.refused = 0
        self.is_abandoned = False
        """Its caller was told that it failed, and may repeat it."""

    def confirm(self, *, is_refused: bool) -> None:
        """One more is settled by the server."""
        self.open -= 1
        self.refused += is_refused
        if self.open == 0:
            self.answer.give(None)


class Sent:
    """One parcel on its way, and the sheets that wait for its confirm."""

    __slots__ = ("parcel", "sheets")

    def __init__(self, parcel: Parcel, sheet: Sheet) -> None:
        self.parcel = parcel
        self.sheets = [sheet]


class Press:
    """Publishes over one link of its own; of no use any more once that has ended."""

    def __init__(self, connect: Callable[[Callable[[str | None], None]], Link], *, where: str, timeout: float) -> None:
        self._where = where
        self._timeout = timeout
        self._free = threading.Event()  # the server lets us publish
        self._free.set()
        self._reason = ""  # why it does not
        # What follows is used by the connection's thread only.
        self._number = 0
        self._on_way: OrderedDict[int, Sent] = OrderedDict()  # by delivery tag
        self._by_ident: dict[str, Sent] = {}
        self._late: OrderedDict[str, Parcel] = (
            OrderedDict()
        )  # confirmed after all, when the caller had been told otherwise
        self.link = connect(self._on_blocked)
        self._wire: Wire = self.link.wire()
        self._wire.ask(self._begin_confirming)

    @property
    def ended(self) -> Exception | None:
        """Why it is of no use any more; None while it is."""
        return self._wire.ended or self.link.ended

    def publish(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """See `kernelq.amqp.AmqpEngine.publish`."""
        sheets = [Sheet(parcels[start : start + SHEET]) for start in range(0, len(parcels), SHEET)]
        returned: list[Parcel] = []
        for sheet in sheets:
            self._print(sheet)
            returned += sheet.returned
        return returned

    def _print(self, sheet: Sheet) -> None:
        if not self._free.wait(self._timeout):
            raise self._full()
        self._wire.tell(lambda channel: self._send(channel, sheet))
        ended = self._await(sheet)
        if ended is not None:
            raise ended
        if sheet.refused:
            raise BrokerFull(
                f"a queue at RabbitMQ at {self._where} refused {sheet.refused} of {len(sheet.parcels)} messages: its length limit "
                "is reached (x-overflow reject-publish), or its node is in trouble; see the server's log"
            )

    def _await(self, sheet: Sheet) -> Exception | None:
        """Wait for the confirms; the error when they did not come."""
        self._wire.watch(sheet.answer)
        is_answered = sheet.answer.wait(self._timeout)
        self._wire.unwatch(sheet.answer)
        if not is_answered:
            sheet.is_abandoned = True
            if not self._free.is_set():
                return self._full()
            self.link.drop()
            return BrokerUnavailable(
                f"RabbitMQ at {self._where} confirmed nothing for {self._timeout:g} s; {sheet.open} messages may have arrived or not"
            )
        try:
            sheet.answer.result()
        except BrokerUnavailable as error:
            return type(error)(f"{error}; {sheet.open} messages were not confirmed and may have arrived or not")
        return None

    def _full(self) -> BrokerFull:
        return BrokerFull(
            f"RabbitMQ at {self._where} blocks publishers ({self._reason}): its memory or disk alarm is on; "
            "workers go on, and publishing too once the alarm is over"
        )

    # --- on the connection's thread

    def _begin_confirming(self, channel: Any, done: Callable[[Any], None]) -> None:
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=done)

    def _on_blocked(self, reason: str | None) -> None:
        if reason is None:
            self._free.set()
        else:
            self._reason = reason
            self._free.clear()

    def _send(self, channel: Any, sheet: Sheet) -> None:
        sheet.open = len(sheet.parcels)
        for parcel, properties in sheet.parcels:
            if parcel.ident and self._is_repeated(parcel, sheet):
                continue
            self._number += 1
            self._on_way[self._number] = sent = Sent(parcel, sheet)
            if parcel.ident:
                self._by_ident[parcel.ident] = sent
            channel.basic_publish(parcel.exchange, parcel.routing_key, parcel.body, properties, parcel.mandatory)

    def _is_repeated(self, parcel: Parcel, sheet: Sheet) -> bool:
        """Whether this is a call repeated because the server let nothing through for a while; it counts as sent then."""
        sent, late = self._by_ident.get(parcel.ident), self._late.get(parcel.ident)
        if sent is not None and sent.parcel[:4] == parcel[:4]:
            sent.sheets.append(sheet)
            return True
        if late is not None and late[:4] == parcel[:4]:
            del self._late[parcel.ident]
            sheet.confirm(is_refused=False)
            return True
        return False

    def _on_confirm(self, frame: Any) -> None:
        tag, is_refused = frame.method.delivery_tag, frame.method.NAME == "Basic.Nack"
        if frame.method.multiple:
            while self._on_way and next(iter(self._on_way)) <= tag:
                self._settle(self._on_way.popitem(last=False)[1], is_refused)
        elif (sent := self._on_way.pop(tag, None)) is not None:
            self._settle(sent, is_refused)

    def _settle(self, sent: Sent, is_refused: bool) -> None:
        if self._by_ident.get(sent.parcel.ident) is sent:
            del self._by_ident[sent.parcel.ident]
            if not is_refused and all(sheet.is_abandoned for sheet in sent.sheets):
                self._late[sent.parcel.ident] = sent.parcel
                if len(self._late) > LATE_MOST:
                    self._late.popitem(last=False)
        for sheet in sent.sheets:
            sheet.confirm(is_refused=is_refused)

    def _on_return(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        for sent in self._on_way.values():
            parcel = sent.parcel
            if (parcel.exchange, parcel.routing_key, parcel.body) == (method.exchange, method.routing_key, body):
                for sheet in sent.sheets:
                    if parcel not in sheet.returned:
                        sheet.returned.append(parcel)
                return
