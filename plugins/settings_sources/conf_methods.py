"""What this plugin adds to `app.conf`: what a mapping has, and what Celery's settings have beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kernelq.contracts import UnknownSetting

from .secrets import censor

if TYPE_CHECKING:
    from kernelq import Option


class ConfigMethods:
    """Attributes of every app's `conf`, found by the entry points ``Config.<name>``. A setting of one of these names would hide it."""

    def get(self: Any, name: str, default: Any = None) -> Any:
        """The value of a setting; `default` for an unknown one."""
        try:
            return self.layers.get(name)
        except UnknownSetting:
            return default

    def update(self: Any, *mappings: Mapping[str, Any], **values: Any) -> None:
        """Set many at once."""
        for mapping in (*mappings, values):
            for name, value in mapping.items():
                self.layers.set(name, value)

    def keys(self: Any) -> Iterator[str]:
        """The names of all settings, so that ``dict(app.conf)`` works."""
        return iter(self)

    def values(self: Any) -> Iterator[Any]:
        """The values of all settings, in the order of `keys`."""
        return (self[name] for name in self)

    def items(self: Any) -> Iterator[tuple[str, Any]]:
        """All settings with their values."""
        return ((name, self[name]) for name in self)

    def setdefault(self: Any, name: str, default: Any = None) -> Any:
        """The value of a setting, after setting it to `default` if nobody has set it."""
        if not ConfigMethods.value_set_for(self, name):
            self[name] = default
        return self[name]

    def copy(self: Any) -> dict[str, Any]:
        """A dict of all settings and their values; changing it changes nothing here."""
        return dict(ConfigMethods.items(self))

    __copy__ = copy

    def clear(self: Any) -> None:
        """Set every setting to its default that was set otherwise, wherever that was done except on the command line and by ``KERNELQ_…``."""
        for name in ConfigMethods.without_defaults(self):
            self[name] = self.find(name).default

    def table(self: Any, with_defaults: bool = True, censored: bool = False) -> dict[str, tuple[Any, str]]:
        """Every setting, or those that somebody has set → (value, where it comes from); `censored`: with passwords masked."""
        pairs = {
            name: self.layers.look_up(option)
            for name, option in sorted({each.name: each for each in self.layers.names.values()}.items())
        }
        return {
            name: (censor(name, value) if censored else value, source)
            for name, (value, source) in pairs.items()
            if with_defaults or source != "default"
        }

    def without_defaults(self: Any, censored: bool = False) -> dict[str, Any]:
        """A dict of the settings that somebody has set, in the order of their names; `censored`: with passwords masked."""
        table = ConfigMethods.table(self, with_defaults=False, censored=censored)
        return {name: value for name, (value, _) in table.items()}

    def humanize(self: Any, with_defaults: bool = False, censored: bool = True) -> str:
        """One line ``name: value`` for each setting that was set, or for each."""
        table = ConfigMethods.table(self, with_defaults=with_defaults, censored=censored)
        return "\n".join(f"{name}: {value!r}" for name, (value, _) in table.items())

    def value_set_for(self: Any, name: str) -> bool:
        """Whether somebody has set it, by whatever name."""
        return bool(self.layers.look_up(self.declared(name))[1] != "default")

    def find_option(self: Any, name: str, namespace: str = "") -> tuple[str, str, Option]:
        """(first word, the rest, the declaration) of a setting by its whole name, or by the rest, `namespace` first.

        Raises:
            KeyError: there is none.
        """
        first = self.find(f"{namespace}_{name}") if namespace else None
        option = first or self.find(name) or next((self.find(one) for one in self if one.endswith(f"_{name}")), None)
        if option is None:
            raise KeyError(name)
        head, _, rest = option.name.partition("_")
        return (head, rest, option) if rest else ("", head, option)

    def get_by_parts(self: Any, *parts: str) -> Any:
        """The value of the setting whose name these parts make: ``("worker", "concurrency")``."""
        return self["_".join(part for part in parts if part)]
