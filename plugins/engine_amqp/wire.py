"""Wires: one channel of a link, asked from other threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kernelq.contracts import BrokerUnavailable

from .border import translate
from .contract import Begin

if TYPE_CHECKING:
    from .link import Link


class Answer:
    """What one thread waits for and another gives; the first answer counts."""

    __slots__ = ("_error", "_given", "_value")

    def __init__(self) -> None:
        self._given = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None

    def give(self, value: Any) -> None:
        """This is it."""
        if not self._given.is_set():
            self._value = value
            self._given.set()

    def fail(self, error: BaseException) -> None:
        """There will be none."""
        if not self._given.is_set():
            self._error = error
            self._given.set()

    def wait(self, timeout: float) -> bool:
        """Whether there is one in time."""
        return self._given.wait(timeout)

    def result(self) -> Any:
        """The answer; raises what it failed with."""
        if self._error is not None:
            raise self._error
        return self._value


class Wire:
    """An open channel; see `kernelq.amqp.Wire`."""

    def __init__(self, link: Link, on_end: Callable[[], None] | None = None) -> None:
        self._link = link
        self._on_end = on_end
        self._lock = threading.Lock()  # guards `_ended` and `_asked`
        self._ended: Exception | None = None
        self._asked: set[Answer] = set()
        self._channel: Any = None
        link.join(self)
        self.ask(lambda _, done: link.open_channel(lambda channel: self._take(channel, done)))

    @property
    def ended(self) -> Exception | None:
        return self._ended

    def ask(self, begin: Begin) -> Any:
        answer = Answer()
        self.watch(answer)

        def start() -> None:
            try:
                begin(self._channel, answer.give)
            except Exception as error:  # noqa: BLE001  (whatever pika raises, in words of ours)
                answer.fail(translate(error, self._link.where))

        if self._ended is None:
            self._link.soon(start)
        timeout = self._link.timeout
        if not answer.wait(timeout):
            self._link.drop(f"was dropped: no answer within {timeout:g} s")
        self.unwatch(answer)
        return answer.result()

    def tell(self, act: Callable[[Any], None]) -> None:
        def run() -> None:
            if self._channel.is_open:
                act(self._channel)

        if self._ended is None:
            self._link.soon(run)

    def watch(self, answer: Answer) -> None:
        """Let `answer` fail when the channel ends."""
        with self._lock:
            if self._ended is None:
                self._asked.add(answer)
                return
        answer.fail(self._ended)

    def unwatch(self, answer: Answer) -> None:
        """Let it be."""
        with self._lock:
            self._asked.discard(answer)

    def close(self) -> None:
        if self._ended is None:
            try:
                self.ask(self._begin_to_close)
            except BrokerUnavailable:
                pass  # it is closed, whatever the reason
        self._link.leave(self)

    def end(self, error: Exception | None) -> None:
        """The channel is closed, or will be; whoever waits for an answer gets the error."""
        with self._lock:
            self._ended = self._ended or error
            asked, self._asked = self._asked, set()
        for answer in asked:
            answer.fail(self._ended or BrokerUnavailable("closed"))
        if self._on_end is not None:
            self._on_end()

    def _take(self, channel: Any, done: Callable[[Any], None]) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_close)
        done(None)

    def _on_close(self, channel: Any, error: BaseException) -> None:
        self.end(translate(error, self._link.where))
        self._link.leave(self)

    def _begin_to_close(self, channel: Any, done: Callable[[Any], None]) -> None:
        channel.add_on_close_callback(lambda *_: done(None))
        if channel.is_open:
            channel.close()
