"""A router: calls for the big customer go to a queue of their own."""

from __future__ import annotations

from typing import Any


def by_customer(
    name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **rest: Any
) -> dict[str, Any] | None:
    """A route for `kwargs` that name the big customer, else None: the next router decides."""
    return {"queue": "big"} if (kwargs or {}).get("customer") == "big" else None
