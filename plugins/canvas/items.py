"""Attributes of a signature that are items of its dict."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Item(Generic[V]):
    """An attribute that is an item of the dict."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __get__(self, signature: Any | None, owner: Any) -> V:
        if signature is None:
            return self  # type: ignore[return-value]  # of the class
        value: V = signature[self.key]
        return value

    def __set__(self, signature: Any, value: V) -> None:
        signature[self.key] = value


class OptionItem(Item["str | None"]):
    """An attribute that is an option; None where it is not set."""

    def __get__(self, signature: Any | None, owner: Any) -> str | None:
        if signature is None:
            return self  # type: ignore[return-value]  # of the class
        value: str | None = signature["options"].get(self.key)
        return value

    def __set__(self, signature: Any, value: str | None) -> None:
        signature.options[self.key] = value


class PartItem(Item[V]):
    """An attribute that is a keyword of the signature."""

    def __get__(self, signature: Any | None, owner: Any) -> V:
        if signature is None:
            return self  # type: ignore[return-value]  # of the class
        value: V = signature["kwargs"][self.key]
        return value

    def __set__(self, signature: Any, value: V) -> None:
        signature.kwargs[self.key] = value
