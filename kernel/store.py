"""Stores: what keeps data that the end of an attempt may change; the result backend is one.

A store on the broker's own engine has its changes committed together with the settlement.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from . import _api
from .engine import Engine
from .message import Message
from .outcome import Outcome


class Effect(msgspec.Struct, frozen=True, gc=False):
    """One thing to be done to a store because an attempt ended; `op` is what that store understands.

    A backend understands an `Outcome` (store it). Lock stores and fan-in counters document theirs.
    """

    store: Store
    op: Any


class Store(ABC):
    """Anything that keeps data an attempt's end may change: backends, lock stores, counters."""

    engine: Engine | None = None

    @abstractmethod
    def apply(self, ops: Sequence[Any]) -> Sequence[Message]:
        """Do all operations in one round trip; return messages that follow from them.

        Idempotent: the same operations may come again after a crash.
        """

    def apply_within(self, handle: Any, ops: Sequence[Any]) -> Sequence[Message]:
        """The same inside the broker's transaction on the shared engine.

        `handle` is what the family gives: ``sql`` the SQLAlchemy Connection, ``memory`` None (the
        engine's lock is held), ``redis`` a `kernelq.redis.Within`, which collects what the broker's script is to
        do; messages that follow from that are the script's to publish. Called only when `engine` is the broker's.
        """
        raise NotImplementedError


class Watch(AbstractContextManager["Watch"], ABC):
    """Waiting for the outcomes of some tasks; a context manager, used by one thread."""

    @abstractmethod
    def changes(self, timeout: float) -> list[Outcome]:
        """Outcomes new since the last call, waiting at most `timeout` seconds for the first.

        The first call gives what is already stored. A state that was overwritten before it was
        seen may be left out; the last one never is.

        Raises:
            BackendUnavailable: the server is away; the next call goes on and misses nothing.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop waiting."""

    def __exit__(self, *_: object) -> None:
        self.close()


class Backend(Store):
    """The driver that keeps outcomes by task id. Made as ``driver(app, url)``; thread-safe, fork-safe.

    Keeps the rule of `kernelq.outcome.accepts` on every write. `ops` are `Outcome`s.
    """

    app: Any = None
    """The app it was made for; set by that."""
    reply_to: str | None = None
    """Where outcomes of what this thread publishes are to be sent, when they are sent and not kept; goes into the messages."""

    @abstractmethod
    def get_many(self, ids: Collection[str]) -> dict[str, Outcome]:
        """What is stored of these tasks; unknown and outlived ones are left out."""

    @abstractmethod
    def watch(self, ids: Collection[str]) -> Watch:
        """Wait for changes of these tasks' outcomes."""

    @abstractmethod
    def forget(self, ids: Collection[str]) -> None:
        """Drop the outcomes of these tasks."""

    def cleanup(self) -> int:
        """Drop outcomes that have outlived their `ttl`; return how many. Called now and then by workers."""
        return 0

    def close(self) -> None:
        """Close connections; the next use opens new ones."""


_api.graft(Backend)
