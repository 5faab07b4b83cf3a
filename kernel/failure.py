"""Exceptions as data: how a failure is stored, whatever its author did to it."""

from __future__ import annotations

import traceback
from typing import Any

TRACEBACK_LIMIT = 65_536
"""Most characters of a stored traceback; of a longer one the middle is left out."""

TEXT_LIMIT = 8_192
"""Most characters of a stored text of an exception."""


def safe_text(value: Any, make: Any = str) -> str:
    """``str(value)``, or what can be said of it when that fails; shortened."""
    try:
        text: str = make(value)
    except BaseException as error:  # noqa: BLE001  (a user's __str__ or __repr__ may raise anything)
        text = f"<{type(value).__name__}: its {make.__name__} raised {type(error).__name__}>"
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def bounded(text: str) -> str:
    """A traceback's text, with the middle left out when it is too long."""
    if len(text) <= TRACEBACK_LIMIT:
        return text
    half = TRACEBACK_LIMIT // 2
    return f"{text[:half]}\n… {len(text) - TRACEBACK_LIMIT} characters left out …\n{text[-half:]}"


def describe(error: BaseException) -> dict[str, Any]:
    """``{exc_type, exc_module, exc_message}``: the form the field's JSON results have; always serialisable."""
    return {
        "exc_type": type(error).__qualname__,
        "exc_module": type(error).__module__,
        "exc_message": [_plain(argument) for argument in error.args],
    }


class ExceptionInfo:
    """An exception as handlers and signals are given it; as text it is the traceback. `tb` is the traceback object."""

    internal = False

    def __init__(self, exception: BaseException) -> None:
        self.exception, self.type, self.tb = exception, type(exception), exception.__traceback__

    @property
    def traceback(self) -> str:
        """The traceback as Python prints it."""
        return "".join(traceback.format_exception(self.exception))

    def __str__(self) -> str:
        return self.traceback

    def __repr__(self) -> str:
        return f"<ExceptionInfo: {self.exception!r}>"


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return value
    return safe_text(value, str if isinstance(value, str) else repr)
