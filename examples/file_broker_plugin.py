"""A broker in one file that is not installed: the whole queue is a small file.

    kernelq -A proj worker --plugin file_broker_plugin --broker file:///var/tmp/queue

Every change writes a new file and moves it into place, under a lock: a crash leaves the old one or the new one. Each
change costs as much as there are messages, so this is for hundreds; several processes of one machine may share it.
"""

import fcntl
import os
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from kernelq import KernelQ, hookimpl, uuid
from kernelq.contracts import Broker, Capabilities, Consumer, DeadLetter, Delivery, Message, QueueStats, Transition, Verdict, pack, unpack  # fmt: skip
from msgspec import Struct, msgpack, structs

LOOK_EVERY = 0.02  # seconds between two looks at the file while a fetch waits


@hookimpl
def make_broker(app: KernelQ, url: str) -> Broker | None:
    return FileBroker(url.removeprefix("file://")) if url.startswith("file://") else None


class Entry(Struct):
    """A message and what has happened to it; `since` when it was published or died, `holder` who leases it."""

    raw: bytes
    queue: str
    priority: int
    due: float
    since: float
    fence: int = 0
    crashes: int = 0
    suspect: bool = False
    started: bool = False
    holder: str = ""
    reason: str = ""

    def release(self) -> None:
        self.holder, self.started = "", False


class Book(Struct):
    """What is in the file: alive by key and dead by ref, oldest first; leases as (end, seconds) by consumer id."""

    alive: dict[str, Entry] = {}
    dead: dict[str, Entry] = {}
    leases: dict[str, tuple[float, float]] = {}

    def publish(self, messages: Iterable[Message], now: float) -> None:
        for each in messages:
            self.alive.setdefault(each.key, Entry(pack(each), each.queue, each.priority, each.eta or 0.0, now))

    def held(self, holder: str, *, key: str | None = None, fence: int | None = None) -> dict[str, Entry]:
        return {k: e for k, e in self.alive.items() if e.holder == holder and key in (None, k) and fence in (None, e.fence)}

    def deliver(self, keys: Iterable[str], holder: str) -> Iterator[Delivery]:
        for key in keys:
            entry = self.alive[key]
            entry.fence, entry.holder, entry.started = entry.fence + 1, holder, False
            yield Delivery(message=unpack(entry.raw), queue=entry.queue, tag=key, fence=entry.fence, crashes=entry.crashes, suspect=entry.suspect)
