"""What this plugin adds to the app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .amqp import Amqp, amqp_of
from .queues import queues_of


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    @property
    def amqp(self: Any) -> Amqp:
        """Its queues and its router."""
        return amqp_of(self)

    def select_queues(self: Any, queues: str | Sequence[str] | None = None) -> None:
        """Have workers of this app consume these queues only, unless they are told others."""
        queues_of(self).select(queues or ())
