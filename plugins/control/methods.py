"""What this plugin adds to the app."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .control import Control


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    @cached_property
    def control(self: Any) -> Control:
        """Orders to whoever has the tasks of this app: ``app.control.revoke(id)``."""
        from .control import Control

        return Control(self)
