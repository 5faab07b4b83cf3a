"""Home: the mailbox and the shelf of one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelq.amqp import AmqpEngine
from kernelq.contracts import BackendUnavailable, BrokerUnavailable

from .mailbox import Mailbox
from .shelf import Shelf


class Home:
    """Where replies to this process arrive, from its first `open` on."""

    def __init__(self, engine: AmqpEngine, lasts: float | None, loads: Callable[[str, bytes], Any]) -> None:
        self.shelf = Shelf(lasts)
        self._mailbox = Mailbox(engine, loads=loads, on_outcome=self.shelf.put, on_end=self._wake)

    @property
    def address(self) -> str:
        """The name of the reply queue."""
        return self._mailbox.name

    @property
    def is_open(self) -> bool:
        """Whether replies arrive now."""
        return self._mailbox.is_open

    @property
    def is_declared(self) -> bool:
        """Whether replies wait for us at least."""
        return self._mailbox.is_declared

    def open(self) -> None:
        """Let replies arrive. Raises `BackendUnavailable`."""
        try:
            self._mailbox.open()
        except BrokerUnavailable as error:
            raise BackendUnavailable(str(error)) from error

    def close(self) -> None:
        """Let none arrive any more; what has is kept."""
        self._mailbox.close()

    def _wake(self) -> None:
        with self.shelf.news:
            self.shelf.news.notify_all()
