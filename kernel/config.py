"""Configuration: declared settings, and the layers their values come from.

First wins: the command line, the environment (``KERNELQ_<NAME>``), values set on `app.conf` or given to the app, the
loaded source (`config_from_object`), `add_defaults`, the declared default. Nothing is loaded before the first read. A
name nobody declared is an error that names the nearest one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from . import _api
from .errors import ImproperlyConfigured, UnknownSetting, nearest

if TYPE_CHECKING:
    from .app import KernelQ
    from .settings import Option

ENVIRONMENT = "KERNELQ_"
RESERVED = frozenset({"KERNELQ_APP", "KERNELQ_TRACE"})
"""Environment variables of ours that are no settings."""


class Config:
    """The settings of one app: read and set as attributes or items, by today's and by old names."""

    layers: Layers

    def __init__(self, app: KernelQ) -> None:
        object.__setattr__(self, "layers", Layers(app))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.layers.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.layers.set(name, value)

    def __getitem__(self, name: str) -> Any:
        try:
            return self.layers.get(name)
        except UnknownSetting as error:
            raise KeyError(str(error)) from error

    __setitem__ = __setattr__

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter({option.name: None for option in self.layers.names.values()})

    def force(self, name: str, value: Any) -> None:
        """Set a value over everything else; for the command line."""
        self.layers.forced[name] = value
        self.layers.changed()

    def find(self, name: str) -> Option | None:
        """The declared setting under this name, an old one, or another case; None when there is none."""
        return self.layers.names.get(name)

    def declared(self, name: str, origin: str = "") -> Option:
        """The same; raises `UnknownSetting`, naming the nearest."""
        return self.layers.declared(name, origin)


_api.graft(Config)


class Layers:
    """What is behind a `Config`; apart from it because settings own the attribute names there."""

    def __init__(self, app: KernelQ) -> None:
        self._app = app
        self.generation = 0
        """Grows with each change; whoever keeps what it looked up compares it."""
        self.forced: dict[str, Any] = {}
        self._direct: dict[str, Any] = {}
        self._source: tuple[Any, str | None, bool] | None = None
        self._defaults: list[Mapping[str, Any] | Callable[[], Mapping[str, Any]]] = []
        self._cache: dict[str, Any] = {}
        self._loaded: dict[str, tuple[Any, str]] | None = None
        self._names: tuple[int, dict[str, Option]] = (-1, {})  # with the generation of the plugins

    def set(self, name: str, value: Any) -> None:
        """Take a value; its name and type are checked at once when settings were read before, else at the first read."""
        if self._loaded is not None:
            option = self.declared(name)
            value, name = option.convert(value, "app.conf"), option.name
            self._loaded[name] = (value, "app.conf")
        self._direct[name] = value
        self.changed()

    def take_source(self, source: Any, namespace: str | None, *, silent: bool, force: bool) -> None:
        """Take the configuration source, instead of an earlier one."""
        was_loaded, self._loaded = self._loaded is not None, None
        self._source = (source, namespace, silent)
        self.changed()
        if force or was_loaded:
            self.load()

    def add_defaults(self, defaults: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> None:
        """Take values for the lowest layer."""
        self._defaults.append(defaults)
        self.changed()

    def early(self, name: str) -> tuple[str, ...]:
        """A list needed before plugins, and so settings, are known."""
        value = self.forced.get(name) or os.environ.get(ENVIRONMENT + name.upper()) or self._direct.get(name) or ()
        return tuple(part for part in value.split(",") if part) if isinstance(value, str) else tuple(value)

    def changed(self) -> None:
        """Forget what was looked up."""
        self.generation += 1
        self._cache.clear()

    @property
    def names(self) -> Mapping[str, Option]:
        """Every declared setting by each name it goes by."""
        if self._names[0] != self._app.plugins.generation:
            known = self._app.options().values()
            names = {name: option for option in known for name in (option.name.upper(), option.name, *option.old)}
            self._names = (self._app.plugins.generation, names)
        return self._names[1]

    def declared(self, name: str, origin: str = "") -> Option:
        option = self.names.get(name)
        if option is None:
            hint = nearest(name.lower(), self._app.options(), 0.6) or "; 'kernelq config --all' lists them"
            raise UnknownSetting(f"unknown setting {name!r}{origin}{hint}")
        return option

    def get(self, name: str) -> Any:
        try:
            return self._cache[name]
        except KeyError:
            return self._cache.setdefault(name, self.look_up(self.declared(name))[0])

    def look_up(self, option: Option) -> tuple[Any, str]:
        """(value, where it comes from)."""
        loaded = self.load()
        if option.name in self.forced:
            return option.convert(self.forced[option.name], "the command line"), "the command line"
        variable = ENVIRONMENT + option.name.upper()
        if variable in os.environ:
            return option.convert(os.environ[variable], variable), variable
        if option.name in loaded:
            return loaded[option.name]
        for defaults in self._defaults:
            values = defaults() if callable(defaults) else defaults
            if option.name in values:
                return option.convert(values[option.name], "add_defaults"), "add_defaults"
        return option.default, "default"

    def load(self) -> dict[str, tuple[Any, str]]:
        """Read the source, check all names and types, tell the plugins; once."""
        if self._loaded is None:
            found = self._read_source()
            for name, value in self._direct.items():
                option = self.declared(name)
                found[option.name] = (option.convert(value, "app.conf"), "app.conf")
            self._check_environment()
            self._loaded = found
            self._load_named_plugins()
            self._app.plugins.notify("app_configured", app=self._app)
        return self._loaded

    def _read_source(self) -> dict[str, tuple[Any, str]]:
        if self._source is None:
            return {}
        source, namespace, silent = self._source
        values: dict[str, Any] | None = self._app.plugins.hook.read_settings(
            app=self._app, source=source, namespace=namespace, silent=silent
        )
        if values is None:
            raise ImproperlyConfigured("no plugin reads configuration sources; enable the plugin 'settings_sources'")
        origin = source if isinstance(source, str) else getattr(source, "__name__", type(source).__name__)
        return {name: (self.declared(name).convert(value, origin), origin) for name, value in values.items()}

    def _load_named_plugins(self) -> None:
        self._app.plugins.load(self.look_up(self.declared("plugins"))[0], self._app.disabled)
        self.changed()

    def _check_environment(self) -> None:
        for variable in os.environ:
            if variable.startswith(ENVIRONMENT) and variable not in RESERVED:
                self.declared(variable.removeprefix(ENVIRONMENT).lower(), f", from the environment variable {variable}")
