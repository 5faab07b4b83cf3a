"""What a type checker must make of tasks and their calls.

Read by mypy with the project's configuration: an `assert_type` that does not hold is an error, and so is a ``type: ignore``
of an error that is not there.
"""

from __future__ import annotations

from typing import Any, assert_type

from kernelq import AsyncResult, KernelQ

app = KernelQ("typing", set_as_current=False)


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task(queue="mail", ignore_result=True)
def greet(name: str, *, loud: bool = False) -> str:
    return name.upper() if loud else name


@app.task(bind=True, max_retries=3)
def fetch(self: Any, url: str) -> bytes:
    return url.encode()


assert_type(add(1, 2), int)
assert_type(add.delay(1, 2), AsyncResult[int])
assert_type(add.delay(1, y=2).get(), int)
assert_type(add.apply_async((1, 2), countdown=3).get(timeout=1), int)
assert_type(greet.delay("Ada", loud=True).get(), str)
assert_type(fetch.delay("https://example.org").get(), bytes)

add.delay("x", 2)  # type: ignore[arg-type]
add.delay(1)  # type: ignore[call-arg]
add.delay(1, 2, 3)  # type: ignore[call-arg]
add.delay(1, z=2)  # type: ignore[call-arg]
add("x", 2)  # type: ignore[arg-type]
greet.delay("Ada", True)  # type: ignore[call-arg]
fetch.delay(5)  # type: ignore[arg-type]
wrong: str = add.delay(1, 2).get()  # type: ignore[assignment]
