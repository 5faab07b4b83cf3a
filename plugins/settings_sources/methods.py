"""What this plugin adds to the app."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kernelq.contracts import ImproperlyConfigured

from . import CONFIGURED
from .conf_methods import ConfigMethods
from .examination import Finding, examine


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    def add_defaults(self: Any, defaults: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> None:
        """Add values for whatever no other layer sets; a callable is asked when it is needed."""
        self.conf.layers.add_defaults(defaults)

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

    def config_from_cmdline(self: Any, argv: str | Sequence[str], namespace: str = "celery") -> None:
        """Take settings written as words: ``worker.concurrency=3``, ``result_expires=(float)60``; they win over all others.

        Raises:
            ImproperlyConfigured: a word that is no setting, or a value of another type.
        """
        from .command_line import parse

        words = shlex.split(argv) if isinstance(argv, str) else argv
        for name, value in parse(self.conf, words, namespace).items():
            self.conf.force(name, self.conf.declared(name).convert(value, "the command line"))

    def check_settings(self: Any, source: Any, namespace: str | None = None) -> list[Finding]:
        """What would become of each name in a configuration source, without taking it; see ``kernelq config check``."""
        return examine(self, source, namespace)

    def settings_table(self: Any, *, censored: bool = True) -> dict[str, tuple[Any, str]]:
        """Every setting → (value, where it comes from); `censored`: passwords and tokens are masked."""
        return ConfigMethods.table(self.conf, censored=censored)

    def bugreport(self: Any) -> str:
        """Versions, platform, plugins and changed settings, as text; passwords are masked. See `kernelq.bugreport`."""
        from kernelq import bugreport  # another plugin's

        return str(bugreport(self))

    @property
    def configured(self: Any) -> bool:
        """Whether the configuration was read; asking does not read it."""
        return bool(self.stash.get(CONFIGURED, False))

    def either(self: Any, key: str, *values: Any) -> Any:
        """The first of `values` that is not None, else the setting `key`."""
        given = [value for value in values if value is not None]
        return given[0] if given else self.conf[key]
