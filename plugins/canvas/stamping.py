"""Stamps: headers that calls are given by who composes them, to be found by them later."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from .chain import chain
from .chord import chord
from .group import group
from .lazy import Lazy
from .options import listed
from .signature import LINKS, Signature, revived

NAMES = "stamped_headers"
"""The option that lists which of the others are stamps."""

Stamps = dict[str, Any]


class StampingVisitor(ABC):
    """Says which stamps each part of a signature gets, see `Signature.stamp`.

    Every method gets the part and, as keywords, the stamps given so far, and returns further ones, or None. An item
    `stamped_headers` lists which of the returned are stamps, and the rest become options; without it all are stamps.
    """

    @abstractmethod
    def on_signature(self, sig: Signature[Any], **stamps: Any) -> Stamps | None:
        """Every task."""

    def on_group_start(self, sig: Signature[Any], **stamps: Any) -> Stamps | None:
        """A group, before its members; what is returned is for them too."""
        return {}

    def on_group_end(self, sig: Signature[Any], **stamps: Any) -> None:
        """A group, after its members."""

    def on_chain_start(self, sig: Signature[Any], **stamps: Any) -> Stamps | None:
        """A chain, before its steps; what is returned is for them too."""
        return {}

    def on_chain_end(self, sig: Signature[Any], **stamps: Any) -> None:
        """A chain, after its steps."""

    def on_chord_header_start(self, sig: Signature[Any], **stamps: Any) -> Stamps | None:
        """A chord, before its header's members; what is returned is for them and the body."""
        return self.on_group_start(_header(sig), **stamps)

    def on_chord_header_end(self, sig: Signature[Any], **stamps: Any) -> None:
        """A chord, after its header's members."""
        self.on_group_end(_header(sig), **stamps)

    def on_chord_body(self, sig: Signature[Any], **stamps: Any) -> Stamps | None:
        """A chord, before its body; what is returned is for that."""
        return {}

    def on_callback(self, callback: Signature[Any], **stamps: Any) -> Stamps | None:
        """What is linked, before it is stamped itself."""
        return {}

    def on_errback(self, errback: Signature[Any], **stamps: Any) -> Stamps | None:
        """What is linked for a failure, before it is stamped itself."""
        return {}


def stamp(sig: Signature[Any], visitor: StampingVisitor | None, append: bool, stamps: Stamps) -> Any:
    """Stamp a signature, what it is made of, and its links, in place."""
    if isinstance(sig, chain | group):
        kind = "chain" if isinstance(sig, chain) else "group"
        stamps = _seen(f"on_{kind}_start", sig, visitor, append, stamps)
        stamp_links(sig, visitor, append, stamps)
        sig.tasks = _each(sig.tasks, visitor, append, stamps)
        if visitor is not None:
            getattr(visitor, f"on_{kind}_end")(sig, **stamps)
    elif isinstance(sig, chord):
        _stamp_chord(sig, visitor, append, stamps)
    else:
        stamp_links(sig, visitor, append, stamps)
        stamps = _seen("on_signature", sig, visitor, append, stamps)
        names = sig.options.get(NAMES) or ()
        own = {name: sig.options[name] for name in names if name in sig.options}
        sig.options.update(_with(stamps, {**own, NAMES: list(names)}, append))
    return sig


def stamp_links(sig: Signature[Any], visitor: StampingVisitor | None, append: bool, stamps: Stamps) -> None:
    """Stamp what a signature links, in place."""
    for name, hook in zip(LINKS, ("on_callback", "on_errback"), strict=True):
        if not sig.options.get(name):
            continue
        sig.options[name] = links = revived(sig.options[name], sig._app)
        for link in listed(links):
            stamp(link, visitor, append, _seen(hook, link, visitor, append, stamps))


def _stamp_chord(sig: Any, visitor: StampingVisitor | None, append: bool, stamps: Stamps) -> None:
    stamps = _seen("on_chord_header_start", sig, visitor, append, stamps)
    stamp_links(sig, visitor, append, stamps)
    sig.tasks = _each(sig.tasks, visitor, append, stamps)
    if visitor is not None:
        visitor.on_chord_header_end(sig, **stamps)
    if sig.body is not None:
        stamp(sig.body, visitor, append, _seen("on_chord_body", sig, visitor, append, stamps))


def _each(tasks: Iterable[Signature[Any]], visitor: StampingVisitor | None, append: bool, stamps: Stamps) -> Any:
    if isinstance(tasks, Lazy):
        return tasks.map(partial(stamp, visitor=visitor, append=append, stamps=stamps))
    for task in tasks:
        stamp(task, visitor, append, stamps)
    return tasks


def _seen(hook: str, sig: Signature[Any], visitor: StampingVisitor | None, append: bool, stamps: Stamps) -> Stamps:
    """The stamps with those that the visitor gives when it sees a part."""
    return _with(stamps, None if visitor is None else getattr(visitor, hook)(sig, **stamps), append)


def _with(stamps: Mapping[str, Any], further: Mapping[str, Any] | None, append: bool) -> Stamps:
    """These stamps and further ones, which count less, or with `append` are added to them; their names under `NAMES`."""
    further = further or {}
    merged = {**further, **stamps}
    names = (*_names(stamps), *_names(further))
    merged[NAMES] = list(dict.fromkeys(names))
    if append:
        for name in merged[NAMES]:
            if name in stamps and name in further and stamps[name] != further[name]:
                merged[name] = [*_values(stamps[name]), *_values(further[name])]
    return merged


def _names(stamps: Mapping[str, Any]) -> Iterable[str]:
    names: Iterable[str] = stamps.get(NAMES, stamps)
    return names


def _values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set) else [value]


def _header(sig: Any) -> Any:
    """The header of a chord as a group, which it is from then on."""
    sig.kwargs["header"] = sig.header
    return sig.kwargs["header"]
