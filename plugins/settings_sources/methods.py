"""What this plugin adds to the app."""

from __future__ import annotations

import os
from typing import Any

from kernelq.contracts import ImproperlyConfigured


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    def config_from_envvar(self: Any, variable: str, silent: bool = False, force: bool = False) -> bool:
        """Take settings from the module an environment variable names; False when it is not set and `silent`."""
        name = os.environ.get(variable)
        if not name and not silent:
            raise ImproperlyConfigured(
                f"the environment variable {variable!r} is not set; it names the module of settings"
            )
        if name:
            self.config_from_object(name, silent=silent, force=force)
        return bool(name)
