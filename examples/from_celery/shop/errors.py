"""The shop's own exceptions."""

from __future__ import annotations


class OutOfStock(Exception):
    """Fewer left than were asked for."""

    def __init__(self, item: str, left: int) -> None:
        super().__init__(item, left)
        self.item = item
        self.left = left

    def __str__(self) -> str:
        return f"only {self.left} of {self.item} left"


class MailServerAway(ConnectionError):
    """Try again later."""


class NoSuchAddress(MailServerAway):
    """Trying again does not help."""


class Declined(Exception):
    """Made of other arguments than it keeps."""

    def __init__(self, *, card: str) -> None:
        super().__init__(f"declined: {card}")
