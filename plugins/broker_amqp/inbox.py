"""The inbox: what the server has sent to one consumer and its lane has not fetched yet.

Fetch much, hold little. The server sends as many messages as the lane asked for and no more (prefetch). A lane that does not
come back within `PATIENCE` is inside a long task: then the consumer is cancelled and what lies here goes back, so that
other workers get it; the next fetch consumes again. The thread of the connection sees to that, whatever
the lane's own thread is doing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Condition
from typing import Any, NamedTuple

from kernelq.amqp import Link
from kernelq.contracts import BrokerUnavailable

from .envelope import received
from .ladder import ignore
from .reading import left_behind

PATIENCE = 0.075
"""Seconds between two fetches after which a lane is taken to be busy; most of what a lane does at once takes 0.05."""

SHRINK = 4
"""A consumer that may be sent so many times more than the lane wants, for `LASTING`, is made anew."""

LASTING = 0.25
"""Seconds. One slow task, or a small batch with a slow settlement, makes a lane ask for less once; what goes back over that
is suspect elsewhere, and marked one by one before it runs."""

MOMENT = 0.1
"""Seconds in which the server does what it was asked without an answer: give back, send what is ready."""

MOST = 60_000
"""Prefetch counts are 16 bits."""


class Arrival(NamedTuple):
    """One message as it came."""

    tag: int
    """Its delivery tag on the inbox's channel."""
    queue: str
    """The queue it came from; our name of it."""
    is_redelivered: bool
    exchange: str
    routing_key: str
    properties: Mapping[str, Any]
    """See `envelope.received`."""
    body: bytes


class Inbox:
    """One channel's deliveries from some queues. `names` are queues by their names on the server.

    `on_given_back` is called, on the connection's thread, with what goes back unfetched.
    """

    def __init__(
        self,
        link: Link,
        names: Mapping[str, str],
        *,
        on_given_back: Callable[[Sequence[Arrival]], None],
        arguments: Mapping[str, Any],
    ) -> None:
        self.news = Condition()  # guards what follows; notified of arrivals, wakes and the end
        self._link = link
        self._names = names
        self._on_given_back = on_given_back
        self._arguments = dict(arguments)
        self._lying: list[Arrival] = []
        self._open: dict[int, None] = {}  # every delivery tag of this channel that is not answered yet, in order
        self._tags: list[str] = []  # of the consumers, all queues
        self._capacity = 0  # how many unsettled messages the server may send us, from each queue
        self._ample_since: float | None = None  # monotonic; since when the lane has wanted far less
        self._is_fetching = False
        self._is_woken = False
        self._is_watched = False  # the connection's thread looks after us
        self._left_at = 0.0
        self._astray_until = 0.0  # what went back may be on its way into its queue up to then
        self._cancelled: Exception | None = None
        self.wire = link.wire(on_end=self._notify)
        self.wire.tell(lambda channel: channel.add_on_cancel_callback(self._on_cancelled))

    # --- the lane's side

    def take(self, limit: int, timeout: float, *, held: int) -> list[Arrival]:
        """Up to `limit` arrivals, highest priority first; waits at most `timeout` seconds for the first.

        `held` is how many of this channel the lane has not settled yet. Who does not wait (`timeout` 0) is asked to be told
        exactly what there is, and that nothing stays here afterwards: that costs some round trips more.
        """
        if timeout <= 0:
            return self._take_now(limit, held)
        deadline = time.monotonic() + timeout
        with self.news:
            self._is_fetching = True
        try:
            self._make_room(held + limit)
            with self.news:
                while not self._lying and not self._is_woken:
                    self._raise_if_ended()
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    self.news.wait(left)
                is_vain = not self._lying and not self._is_woken
                self._is_woken = False
                taken = self._pick(limit)
            if is_vain:
                self._raise_if_deaf()
            return taken
        finally:
            self._leave()

    def wake(self) -> None:
        """End a waiting `take`, or the next one."""
        with self.news:
            self._is_woken = True
            self.news.notify_all()

    def count(self) -> dict[str, int]:
        """Queue → how many of its messages lie here now, all that the server had sent before this call."""
        for name in self._names:
            left_behind(self.wire, name)
        with self.news:
            counts: dict[str, int] = {}
            for arrival in self._lying:
                counts[arrival.queue] = counts.get(arrival.queue, 0) + 1
            return counts

    def note(self, tag: int) -> None:
        """Something else came over this channel that is to be answered here; on the connection's thread."""
        with self.news:
            self._open[tag] = None

    def answer(self, *, acks: Sequence[int], nacks: Sequence[int] = (), is_awaited: bool = False) -> None:
        """Acknowledge and give back; on its way when this returns, or with `is_awaited` done, else it raises `BrokerUnavailable`."""
        with self.news:
            for tag in (*acks, *nacks):
                self._open.pop(tag, None)
            lowest = min((*nacks, next(iter(self._open), 2**63)))
        together = max((tag for tag in acks if tag < lowest), default=0)

        def act(channel: Any) -> None:
            if together:
                channel.basic_ack(together, multiple=True)  # nothing below it is anybody's any more
            for tag in acks:
                if tag > together:
                    channel.basic_ack(tag)
            for tag in nacks:
                channel.basic_nack(tag, requeue=True)

        def ask(channel: Any, done: Callable[[Any], None]) -> None:
            act(channel)
            _knock(channel, done)

        if is_awaited:
            self.wire.ask(ask)
        else:
            self.wire.tell(act)
        if nacks:
            self._astray_until = time.monotonic() + MOMENT

    def sync(self) -> None:
        """Return when the server has done all that was told to this channel; raises `BrokerUnavailable`."""
        self.wire.ask(_knock)

    def rest(self) -> None:
        """Consume no more, for now, and give back what lies here. Done when this returns."""
        with self.news:
            self._capacity = 0

        def finish(channel: Any, done: Callable[[Any], None]) -> None:
            with self.news:
                lying, self._lying = self._lying, []
            self._give_back(channel, lying)
            channel.basic_qos(callback=done)

        self.wire.ask(lambda channel, done: self._cancel_all(channel, lambda: finish(channel, done)))

    # --- consuming more or less

    def _take_now(self, limit: int, held: int) -> list[Arrival]:
        with self.news:
            self._is_fetching = True
        try:
            self._make_room(held + limit)
            self._meet(limit)
            with self.news:
                self._is_woken = False
                taken = self._pick(limit)
            self.rest()
        finally:
            self._is_fetching = False
        return taken

    def _pick(self, limit: int) -> list[Arrival]:
        """Take from what lies here; with `news` held."""
        self._lying.sort(key=_priority)  # stable: the oldest of a priority first
        taken, self._lying = self._lying[:limit], self._lying[limit:]
        return taken

    def _make_room(self, wanted: int) -> None:
        """Let the server send so many."""
        self._raise_if_ended()
        if self._is_far_too_much(wanted):
            self._pause()
        with self.news:
            if wanted <= self._capacity:
                return
            more = min(max(wanted - self._capacity, self._capacity), MOST)
            self._capacity += more
        self.wire.ask(lambda channel, done: self._consume(channel, more, done))

    def _is_far_too_much(self, wanted: int) -> bool:
        """Whether the server may send far more than that, and might for a while."""
        if self._capacity <= SHRINK * wanted + SHRINK:
            self._ample_since = None
            return False
        now = time.monotonic()
        if self._ample_since is None:
            self._ample_since = now
        return now - self._ample_since >= LASTING

    def _meet(self, limit: int) -> None:
        """Return when what the server has for us now is here, up to `limit`; what it is about to send within a moment too."""
        give_up_at = time.monotonic() + MOMENT
        while len(self._lying) < limit:
            left = sum(left_behind(self.wire, name) for name in self._names)
            now = time.monotonic()
            if now >= (give_up_at if left else self._astray_until):
                return

    def _leave(self) -> None:
        with self.news:
            self._is_fetching = False
            self._left_at = time.monotonic()
            is_watched, self._is_watched = self._is_watched, True
        if not is_watched and self.wire.ended is None:
            self._link.later(PATIENCE, self._look)

    def _pause(self) -> None:
        with self.news:
            lying, self._lying = self._lying, []
            self._capacity = 0
        self.wire.tell(lambda channel: self._cancel_all(channel, lambda: self._give_back(channel, lying)))

    def _raise_if_deaf(self) -> None:
        """See that nothing waits in the server that should have been sent here.

        A quorum queue without a leader, just after the start of a server, may accept a consumer and send it nothing, ever.
        """
        left = 0
        for _ in range(2):
            left = sum(left_behind(self.wire, name) for name in self._names)
            with self.news:
                if not left or self.news.wait_for(lambda: bool(self._lying), MOMENT):
                    return
        raise BrokerUnavailable(f"the server sends nothing of {left} messages that wait in the queues; consuming anew")

    def _raise_if_ended(self) -> None:
        ended = self.wire.ended or self._cancelled
        if ended is not None:
            raise ended

    def _notify(self) -> None:
        with self.news:
            self.news.notify_all()

    # --- on the connection's thread

    def _consume(self, channel: Any, more: int, done: Callable[[Any], None]) -> None:
        # The prefetch count is for the consumers made after it. Another consumer instead of a larger one: nothing is cancelled.
        channel.basic_qos(prefetch_count=more, callback=ignore)
        for number, (name, queue) in enumerate(self._names.items(), 1):
            then = done if number == len(self._names) else ignore
            tag = channel.basic_consume(name, self._to_queue(queue), arguments=self._arguments, callback=then)
            self._tags.append(tag)

    def _to_queue(self, queue: str) -> Callable[..., None]:
        def on_message(channel: Any, method: Any, properties: Any, body: bytes) -> None:
            arrival = Arrival(
                method.delivery_tag,
                queue,
                method.redelivered,
                method.exchange,
                method.routing_key,
                received(properties),
                body,
            )
            with self.news:
                self._open[arrival.tag] = None
                self._lying.append(arrival)
                self.news.notify_all()

        return on_message

    def _look(self) -> None:
        """Look whether the lane is away for long; again as long as it may be."""
        with self.news:
            away = time.monotonic() - self._left_at
            if self._is_fetching or not self._capacity:
                self._is_watched = False
                return
            if away >= PATIENCE:
                self._is_watched = False
            is_long = away >= PATIENCE
        if is_long:
            self._pause()
        else:
            self._link.later(PATIENCE - away, self._look)

    def _cancel_all(self, channel: Any, then: Callable[[], None]) -> None:
        """Cancel every consumer. What is on its way meanwhile goes back by itself: pika rejects it."""
        tags, self._tags = self._tags, []
        left = len(tags)

        def on_cancelled(frame: Any) -> None:
            nonlocal left
            left -= 1
            if not left:
                then()

        for tag in tags:
            channel.basic_cancel(tag, on_cancelled)
        if not tags:
            then()

    def _give_back(self, channel: Any, arrivals: Sequence[Arrival]) -> None:
        # After the consumers are cancelled, or the server would send them here again.
        if not arrivals:
            return
        with self.news:
            for arrival in arrivals:
                del self._open[arrival.tag]
        for arrival in arrivals:
            channel.basic_nack(arrival.tag, requeue=True)
        self._astray_until = time.monotonic() + MOMENT
        self._on_given_back(arrivals)

    def _on_cancelled(self, frame: Any) -> None:
        with self.news:
            self._cancelled = BrokerUnavailable(
                "a queue that was consumed was deleted on the server; it is declared again"
            )
            self.news.notify_all()


def _knock(channel: Any, done: Callable[[Any], None]) -> None:
    """Ask something that the server answers when it has done all it was told before."""
    channel.basic_qos(prefetch_count=0, callback=done)


def _priority(arrival: Arrival) -> int:
    return -(arrival.properties["priority"] or 0)
