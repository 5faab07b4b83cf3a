"""Settings as words of a command line: ``worker.concurrency=3``, ``task_time_limit=(float)30``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from kernelq.contracts import ImproperlyConfigured

if TYPE_CHECKING:
    from kernelq.config import Config

_CAST = re.compile(r"\((\w+)\)")

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _bool(text: str) -> bool:
    try:
        return _TRUTH[text.lower()]
    except KeyError:
        raise ValueError("expected true or false") from None


CASTS: dict[str, Callable[[str], Any]] = {
    "int": int, "float": float, "bool": _bool, "str": str, "string": str, "any": str,
    "json": json.loads, "dict": json.loads, "list": json.loads, "tuple": lambda text: tuple(json.loads(text)),
}  # fmt: skip
"""Name of a type, as written before a value → what makes it of text."""


def parse(conf: Config, words: Iterable[str], namespace: str = "celery") -> dict[str, Any]:
    """Values by setting. A dot in a name is an underscore, case does not matter; one that begins so belongs to `namespace`.

    Raises:
        ImproperlyConfigured: a word without ``=``, a type nobody knows, a value that is none of its type.
        UnknownSetting: a name nobody declared.
    """
    return dict(_one(conf, word, namespace) for word in words)


def _one(conf: Config, word: str, namespace: str) -> tuple[str, Any]:
    name, equals, text = word.partition("=")
    if not equals:
        raise ImproperlyConfigured(f"expected a setting as name=value, got {word!r}")
    name = name.strip().lower().replace(".", "_")
    if name.startswith("_"):
        name = f"{namespace}{name}"
    option = conf.find(name) or conf.find(name.upper()) or conf.declared(name, ", from the command line")
    cast = _CAST.match(text)
    if cast is None:
        return option.name, text
    if cast[1] not in CASTS:
        raise ImproperlyConfigured(f"unknown type {cast[1]!r} of {option.name} (known: {', '.join(CASTS)})")
    try:
        return option.name, CASTS[cast[1]](text[cast.end() :])
    except ValueError as error:
        raise ImproperlyConfigured(f"{option.name} is no {cast[1]}: {error} (from the command line)") from None
