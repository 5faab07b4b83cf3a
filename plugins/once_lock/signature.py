"""Signatures of tasks that are queued once: `once` among their options travels as the header that it is in a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from kernelq import Signature

from .mark import said_in, saying
from .rule import of_call

R = TypeVar("R")


class OnceSignature(Signature[R]):
    """A signature that understands the option `once`, as the calls of its task do."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._take_once()

    def set(self, immutable: bool | None = None, **options: Any) -> Self:
        """Set options, in place; returns this very signature."""
        super().set(immutable, **options)
        return self._take_once()

    def clone(self, args: Any = None, kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """A copy, completed like a call."""
        return type(self)(super().clone(args, kwargs, **options), app=self.own_app())

    partial = clone

    def _take_once(self) -> Self:
        options = self.options
        if "once" in options:
            said = of_call(options.pop("once"), self.task)
            options["headers"] = saying(options.get("headers"), {**said_in(options.get("headers")), **said})
        return self
