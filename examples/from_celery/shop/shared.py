"""What a library brings: tasks for whatever app there is."""

from __future__ import annotations

from typing import Any

from kernelq import shared_task


@shared_task
def multiply(x: int, y: int) -> int:
    return x * y


@shared_task(bind=True, name="library.whoami", max_retries=7)
def whoami(self: Any, greeting: str = "I am") -> str:
    return f"{greeting} {self.name} of {self.app.main}, {self.max_retries}"
