"""What this plugin adds to the app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    def start(self: Any, argv: Sequence[str] | None = None) -> None:
        """Run the command line with this app; `argv` defaults to the process's own."""
        from .command_line import main

        main(argv, app=self)

    worker_main = start
