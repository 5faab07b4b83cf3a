"""Kinds of Celery's settings that no part of KernelQ reads: options whose `convert` says what becomes of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, ClassVar

from kernelq import Option
from kernelq.contracts import ImproperlyConfigured

log = logging.getLogger("kernelq.settings")

_EMPTY: tuple[Any, ...] = (None, False, "", (), [], {})
"""Ways to say that nothing is asked for."""

_told: set[str] = set()
"""What this process has warned of."""


@dataclass(frozen=True, slots=True)
class WithoutEffect(Option):
    """A setting that is taken and changes nothing; `reason` says why, once a process, when it differs from the default."""

    reason: str = ""
    status: ClassVar[str] = "no effect"

    def convert(self, value: Any, source: str) -> Any:
        """The value as it is."""
        if is_asked_for(value, self.default):
            warn_once(f"the setting {self.name}", source, self.reason)
        return value


@dataclass(frozen=True, slots=True)
class Refused(Option):
    """A setting whose meaning would silently be lost; anything but the default is an error that says `reason` and the way out."""

    reason: str = ""
    way_out: str = ""
    status: ClassVar[str] = "refused"

    def convert(self, value: Any, source: str) -> Any:
        """The value, if it asks for nothing; raises `ImproperlyConfigured` without showing it, for it may be a secret."""
        if is_asked_for(value, self.default):
            raise ImproperlyConfigured(
                f"the setting {self.name} (from {source}) is refused: {self.reason}; {self.way_out}"
            )
        return value


def warn_once(what: str, source: str, reason: str) -> None:
    """Log that a setting, or a part of one, has no effect; once a process."""
    if what not in _told:
        _told.add(what)
        log.warning("%s (from %s) has no effect here: %s", what, source, reason)


def is_asked_for(value: Any, default: Any) -> bool:
    """Whether a value says something else than the default does; text, as from the environment, may say the same."""
    if default in _EMPTY and value in _EMPTY:
        return False
    return bool(value != default) and not (isinstance(value, str) and value.lower() == str(default).lower())
