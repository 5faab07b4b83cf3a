"""The stock: tasks that are classes."""

from __future__ import annotations

from typing import Any

from .audited import Audited
from .celery import app


class Count(Audited):
    """Keeps what it was made with for as long as the process lives."""

    name = "stock.count"
    ignore_result = False

    def __init__(self) -> None:
        self.shelves = {"pear": 3, "plum": 5}

    def run(self, item: str) -> int:
        return self.shelves[item]


class Move(Audited):
    """Named by the place it is in."""

    max_retries = 2
    default_retry_delay = 0

    def run(self, item: str, count: int = 1) -> list[Any]:
        if self.request.retries < 1:
            raise self.retry(kwargs={"item": item, "count": count + 1}, args=())
        return [item, count, self.max_retries]


count = app.register_task(Count())
move = app.register_task(Move)
