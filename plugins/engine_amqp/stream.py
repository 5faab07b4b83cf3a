"""The stream: what comes over a connection, with deliveries read by us, and what goes out, in few writes.

pika makes an object of each frame, copies all that has come for each of them, and looks in three registers for somebody who
cares. A delivery has three frames; here they are read where they lie. Everything else is pika's as before.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pika  # type: ignore[import-untyped]  # pika marks itself as untyped
from pika import exceptions, frame

from .received import ReceivedProperties, read_properties

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
"""Types of frames: AMQP 0-9-1, section 4.2.3. A frame is type, channel, length, that many bytes and an end octet."""

HEAD, END = 7, 0xCE

DELIVER = struct.pack(">HH", 60, 60)
"""Class and method of ``basic.deliver``."""

RECEIVED_AT_ONCE = 65_536
"""Bytes asked of the socket at a time; pika's 4096 are five messages."""

WRITTEN_AT_ONCE = 1_000_000
"""Bytes gathered for one write at most."""

_head = struct.Struct(">BHI").unpack_from
_tag = struct.Struct(">QB").unpack_from
_size = struct.Struct(">Q").unpack_from


class Delivered:
    """One delivery on its way in; what a consumer's callback gets as the method and, in `properties`, as the properties."""

    __slots__ = (
        "consumer_tag",
        "delivery_tag",
        "exchange",
        "left",
        "pieces",
        "properties",
        "redelivered",
        "routing_key",
    )

    properties: ReceivedProperties

    def __init__(self, data: bytes, at: int) -> None:
        begin = at + 1
        at = begin + data[at]
        self.consumer_tag = data[begin:at].decode()
        self.delivery_tag, redelivered = _tag(data, at)
        self.redelivered = bool(redelivered)
        begin = at + 10
        at = begin + data[at + 9]
        self.exchange = data[begin:at].decode()
        begin = at + 1
        self.routing_key = data[begin : begin + data[at]].decode()
        self.left = 0  # bytes of the body that have not come
        self.pieces: list[bytes] = []

    @property
    def method(self) -> Delivered:
        """Stands where pika has a frame around it."""
        return self


class Stream(pika.SelectConnection):  # type: ignore[misc]  # pika marks itself as untyped
    """pika's connection, quicker at what there is one of for each message. Used by the connection's thread only."""

    _frame_buffer: bytes  # what has come of a frame that is not whole yet

    def __init__(self, *args: Any) -> None:
        self._arriving: dict[int, Delivered] = {}  # channel → the delivery whose content is on its way
        self._gathered: list[bytes] | None = None  # what is to be written together; None: each by itself
        self._gathered_bytes = 0
        super().__init__(*args)

    # --- coming in

    def _proto_connection_made(self, transport: Any) -> None:
        transport._MAX_RECV_BYTES = RECEIVED_AT_ONCE
        super()._proto_connection_made(transport)

    def _on_data_available(self, data_in: bytes) -> None:
        data = self._frame_buffer + data_in if self._frame_buffer else data_in
        self._frame_buffer = b""
        at, have = 0, len(data)
        while have - at > HEAD:
            kind, number, length = _head(data, at)
            after = at + HEAD + length + 1
            if after > have and kind <= HEARTBEAT:
                break
            is_delivery = kind == METHOD and data[at + HEAD : at + HEAD + 4] == DELIVER
            if not is_delivery and (kind not in (HEADER, BODY) or number not in self._arriving):
                self._leave_to_pika(data[at:after])
            elif data[after - 1] != END:
                raise exceptions.InvalidFrameError("a frame does not end where it says")
            elif is_delivery:
                self._arriving[number] = Delivered(data, at + HEAD + 4)
            else:
                self._take_content(number, kind, data, at + HEAD, after - 1)
            at = after
        self.bytes_received += at
        self._frame_buffer = data[at:]

    def _take_content(self, number: int, kind: int, data: bytes, begin: int, end: int) -> None:
        delivered = self._arriving[number]
        if kind == HEADER:
            # Class, weight and size of the body, then the properties.
            (delivered.left,) = _size(data, begin + 4)
            delivered.properties = ReceivedProperties(read_properties(data, begin + 12))
        else:
            delivered.pieces.append(data[begin:end])
            delivered.left -= end - begin
        if delivered.left > 0:
            return
        del self._arriving[number]
        channel = self._channels.get(number)
        if channel is not None:
            pieces = delivered.pieces
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            channel._on_deliver(delivered, delivered, body)  # which sees to consumers that were cancelled meanwhile

    def _leave_to_pika(self, data: bytes) -> None:
        _, found = frame.decode_frame(data)
        if found is not None:
            self._process_frame(found)

    # --- going out

    def write_together(self, act: Callable[[], None]) -> None:
        """Run `act`; all frames it sends go out in one write, where pika has a system call for each."""
        self._gathered, self._gathered_bytes = [], 0
        try:
            act()
        finally:
            self._write_gathered()
            self._gathered = None

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._gathered is None:
            super()._adapter_emit_data(data)
            return
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes >= WRITTEN_AT_ONCE:
            self._write_gathered()

    def _write_gathered(self) -> None:
        if self._gathered and self._transport is not None:
            super()._adapter_emit_data(b"".join(self._gathered))
        self._gathered, self._gathered_bytes = [], 0
