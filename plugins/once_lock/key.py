"""The key of a call: the string that names the same work, as celery-once renders it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kernelq.contracts import decode_body

if TYPE_CHECKING:
    from kernelq import Task

LONGEST = 200
"""Characters of a key; of a longer one the end is told by its digest."""


def key_of(task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], keys: Sequence[str] | None) -> str:
    """The key of a call whose arguments are as a worker reads them; `keys` are the arguments that count (None: all).

    Raises:
        TypeError: the arguments do not fit.
        KeyError: `keys` names what the call does not give.
    """
    signature = inspect.signature(task.run)
    given = dict(signature.bind(*args, **kwargs).arguments)
    if keys is not None:
        given = {name: _argument(task, signature, given, name) for name in keys}
    key = "_".join(["qo", task.name, *(f"{name}-{text(value)}" for name, value in sorted(given.items()))])
    key = key.replace("\0", "\\0")  # which PostgreSQL does not store
    if len(key) <= LONGEST:
        return key
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return f"{key[: LONGEST - len(digest) - 1]}_{digest}"


def as_read(task: Task[..., Any], args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call as a worker reads them."""
    message = task.app.publisher.message(task, task.name, args, kwargs, {})
    args, kwargs, _ = decode_body(task.app, message)
    return args, kwargs


def text(value: Any) -> str:
    """A value in a key: `str`, but that the keys of mappings are sorted."""
    return str(_plain(value))


def _plain(value: Any) -> Any:
    # As celery-once: a mapping within another value is its text.
    if isinstance(value, Mapping):
        pairs = sorted(((_plain(name), _plain(each)) for name, each in value.items()), key=lambda pair: str(pair[0]))
        return "{" + ", ".join(f"{name!r}: {each!r}" for name, each in pairs) + "}"
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _argument(task: Task[..., Any], signature: inspect.Signature, given: Mapping[str, Any], name: str) -> Any:
    if name in given:
        return given[name]
    parameter = signature.parameters.get(name)
    if parameter is None or parameter.default is parameter.empty:
        raise KeyError(
            f"{name!r} in the keys of task {task.name} is none of the call's arguments: {', '.join(given) or 'none'}"
        )
    return parameter.default
