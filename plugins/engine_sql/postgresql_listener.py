"""One connection that listens for the whole process, and the bells it rings.

PostgreSQL's NOTIFY reaches connections that said LISTEN. All consumers and watches of a process share
one; a thread of its own waits on it. While it is lost, bells ring for nobody, and those who wait look once
a second by themselves; when it is back, all are rung, for anything may have been missed.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from weakref import WeakSet

import psycopg
from psycopg import sql

from .postgresql_link import PatientConnection

log = logging.getLogger(__name__)

_PAUSES = (0.1, 5.0)
"""Seconds between two tries to connect: the first and the longest."""

_PATIENCE = 2.0
"""Seconds `Listener.bell` waits for the server to have heard of a channel."""


class Listener:
    """The listening connection and its thread, begun by the first bell, ended by `close`. Thread-safe."""

    def __init__(self, connect: Callable[[], PatientConnection], place: str) -> None:
        self._connect = connect
        self._place = place
        self._bells: WeakSet[Bell] = WeakSet()  # an owner lost with its broker closes nothing
        self._thread: threading.Thread | None
        self._alarm: tuple[int, int] | None
        self._heard: set[str]
        self._renew()

    def bell(self, channel: str) -> Bell:
        """A bell; commits made after this call ring it, unless the server cannot be reached."""
        bell = Bell(self, channel)
        with self._state:
            self._bells.add(bell)
        self.ensure()
        with self._state:
            self._state.wait_for(lambda: channel in self._heard or self._is_down, _PATIENCE)
        return bell

    def drop(self, bell: Bell) -> None:
        """Ring this one no more."""
        with self._state:
            self._bells.discard(bell)

    def ensure(self) -> None:
        """Have the thread running, and listening to the channels of all bells."""
        with self._state:
            if self._thread is None:
                self._alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
                self._closing, self._is_down = threading.Event(), False
                self._thread = threading.Thread(
                    target=self._run, args=(self._alarm, self._closing), name="kernelq-listen", daemon=True
                )
                self._thread.start()
            elif not {bell.channel for bell in self._bells} <= self._heard:
                self._nudge()

    def close(self) -> None:
        """End the thread and its connection; the next wait begins them anew."""
        with self._state:
            thread, self._thread = self._thread, None
            self._closing.set()
            self._nudge()
            self._alarm, self._heard = None, set()
        if thread is not None:
            thread.join(_PATIENCE)

    def forget(self) -> None:
        """In a forked child: the thread and the connection are the parent's."""
        for end in self._alarm or ():
            os.close(end)
        self._renew()

    def _renew(self) -> None:
        self._state = threading.Condition()  # guards what follows; its lock may be taken again by its holder
        self._thread = None
        self._closing = threading.Event()  # of this thread
        self._alarm = None  # a pipe that ends the thread's sleep; the thread closes it
        self._heard = set()  # channels the server knows of
        self._is_down = False  # the last try to connect failed

    def _nudge(self) -> None:
        if self._alarm is not None:
            try:
                os.write(self._alarm[1], b"!")
            except BlockingIOError:
                pass  # it is full of nudges already

    # --- the thread

    def _run(self, alarm: tuple[int, int], closing: threading.Event) -> None:
        pause, longest = _PAUSES
        try:
            while not closing.is_set():
                began = time.monotonic()
                try:
                    with self._connect() as connection:
                        self._listen(connection, alarm[0], closing)
                except (psycopg.Error, OSError) as error:
                    if not closing.is_set():
                        self._lost(error)
                pause = min(pause * 2, longest) if time.monotonic() - began < longest else _PAUSES[0]
                closing.wait(pause)
        finally:
            with self._state:  # `close` may be about to nudge us, and this number may be another file's by then
                for end in alarm:
                    os.close(end)

    def _listen(self, connection: PatientConnection, alarm: int, closing: threading.Event) -> None:
        connection.add_notify_handler(lambda note: self._tell(note.channel))
        listened: set[str] = set()
        while not closing.is_set():
            with self._state:
                news = {bell.channel for bell in self._bells} - listened
            for channel in news:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            listened |= news
            if news:
                self._hears(listened, news)
            select.select([connection.fileno(), alarm], [], [])
            _drain(alarm)
            connection.pgconn.consume_input()
            while (note := connection.pgconn.notifies()) is not None:
                self._tell(note.relname.decode())

    def _hears(self, channels: set[str], news: set[str]) -> None:
        with self._state:
            if self._is_down:
                log.info("listening to %s again", self._place)
            self._heard, self._is_down = set(channels), False
            self._state.notify_all()
        for channel in news:
            self._tell(channel)  # what came before the server knew of it rang nobody

    def _lost(self, error: Exception) -> None:
        with self._state:
            if not self._is_down:
                log.warning("cannot listen to %s, looking once a second meanwhile: %s", self._place, error)
            self._heard, self._is_down = set(), True
            self._state.notify_all()

    def _tell(self, channel: str) -> None:
        with self._state:
            bells = [bell for bell in self._bells if bell.channel == channel]
        for bell in bells:
            bell.tell()


class Bell:
    """A wake-up for one channel, see `Wakeup`. `wait` is called by one thread, `ring` by any.

    A `SimpleQueue` and not an `Event`: an OS signal handler may ring while this thread is inside of it.
    """

    def __init__(self, listener: Listener, channel: str) -> None:
        self.channel = channel
        self._listener = listener
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._is_news = False

    def wait(self, timeout: float) -> bool:
        self._listener.ensure()
        try:
            self._calls.get(timeout=timeout)
        except Empty:
            return False
        while not self._calls.empty():
            self._calls.get()
        news, self._is_news = self._is_news, False
        return news

    def found(self) -> None:
        """It never only looks."""

    def ring(self) -> None:
        self._calls.put(None)

    def tell(self) -> None:
        """End the wait: something may have changed. Told again before the wait's end is told once."""
        if not self._is_news:
            self._is_news = True
            self._calls.put(None)

    def close(self) -> None:
        self._listener.drop(self)


def _drain(alarm: int) -> None:
    try:
        while os.read(alarm, 512):
            pass
    except BlockingIOError:
        pass
