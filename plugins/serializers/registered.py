"""Serializers of the user's own: an encoder and a decoder under a name, for every app of this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from kernelq import KernelQ
from kernelq.contracts import DecodeError, EncodeError, ImproperlyConfigured, Serializer
from kernelq.errors import DriverNotFound

from . import DRIVERS

Encoder = Callable[[Any], bytes | str]
Decoder = Callable[[bytes], Any]

_registered: dict[str, Serializer] = {}
"""By name and by content type."""


def register(name: str, encoder: Encoder, decoder: Decoder, content_type: str, content_encoding: str = "utf-8") -> None:
    """Make a serializer of two functions; `name` and `content_type` stand for it everywhere from now on.

    `encoder` gives bytes, or text that is written in `content_encoding`; `decoder` is given bytes. What either raises
    becomes an `EncodeError` or a `DecodeError` that names the serializer. Call it while modules are imported, in those
    that both clients and workers import, and name it in `accept_content`. Registered again, or under the name of one
    that is installed, it takes the place of that one; a worker that runs already keeps what it had.

    Raises:
        ImproperlyConfigured: the content type belongs to another name.
    """
    owner = DRIVERS.get(content_type) or getattr(_registered.get(content_type), "name", name)
    if owner != name:
        raise ImproperlyConfigured(
            f"cannot register the serializer {name!r}: the content type {content_type!r} belongs to {owner!r}; "
            "give it one of its own, or that name to take its place"
        )
    _forget(name)
    made = _class_of(name, encoder, decoder, content_type, content_encoding)()
    _registered[name] = _registered[content_type] = made


def unregister(name: str) -> None:
    """Take out what `register` put in, by name or content type; raises `DriverNotFound` when there is none."""
    if name not in _registered:
        raise DriverNotFound(f"no serializer {name!r} was registered (registered: {', '.join(_registered) or 'none'})")
    _forget(name)


def registered(name: str) -> Serializer | None:
    """What was registered under a name or content type."""
    return _registered.get(name)


def _forget(name: str) -> None:
    """Take out what is known of a name, here and in the apps that have used it."""
    known = _registered.get(name)
    names = {name} if known is None else {known.name, known.content_type}
    names |= {content_type for content_type, driver in DRIVERS.items() if driver == name}
    for one in names:
        _registered.pop(one, None)
        for app in KernelQ.finalized_apps():
            app.serializers.pop(one, None)


def _class_of(given: str, encoder: Encoder, decoder: Decoder, type_of_content: str, encoding: str) -> type[Serializer]:
    class Registered(Serializer):
        """Two functions of the user's."""

        name: ClassVar[str] = given
        content_type: ClassVar[str] = type_of_content
        content_encoding: ClassVar[str] = encoding

        def dumps(self, value: Any) -> bytes:
            try:
                data = encoder(value)
                data = data.encode(encoding) if isinstance(data, str) else data
            except EncodeError:
                raise
            except Exception as error:
                # The user's own code may raise anything.
                raise EncodeError(f"the serializer {given!r} cannot write this: {error!r}") from error
            if not isinstance(data, bytes | bytearray | memoryview):
                raise EncodeError(f"the encoder of the serializer {given!r} must return bytes or text, got {data!r}")
            return bytes(data)

        def loads(self, data: bytes) -> Any:
            try:
                return decoder(data)
            except DecodeError:
                raise
            except Exception as error:
                # The same, and the bytes come from strangers.
                raise DecodeError(f"the serializer {given!r} cannot read this: {error!r}") from error

    return Registered
