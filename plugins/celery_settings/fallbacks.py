"""Values below all others but the defaults: what follows from Celery's settings, and the module the environment names."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from kernelq import KernelQ

from .derived import OPTIONS, derived
from .environment import HAS_SOURCE, check_environment, module_settings


class Fallbacks:
    """Given to `app.add_defaults`; worked out once for each state of the settings."""

    def __init__(self, app: KernelQ) -> None:
        self._app = app
        self._seen: tuple[int, bool] | None = None
        self._known: Mapping[str, Any] = {}
        self._module: Mapping[str, Any] | None = None
        self._asking = threading.local()

    def __call__(self) -> Mapping[str, Any]:
        """Values by setting; the module's alone while the settings are read that others follow from."""
        state = (self._app.conf.layers.generation, self._app.stash.get(HAS_SOURCE, False))
        if self._seen == state:
            return self._known
        if getattr(self._asking, "now", False):
            return self._of_module()
        self._asking.now = True
        try:
            check_environment()
            module = self._of_module()
            own = {option.name: self._app.conf[option.name] for option in OPTIONS}
            self._known, self._seen = {**derived(own), **module}, state
            return self._known
        finally:
            self._asking.now = False

    def _of_module(self) -> Mapping[str, Any]:
        if self._app.stash.get(HAS_SOURCE, False):
            return {}
        if self._module is None:
            self._module = module_settings(self._app)
        return self._module
