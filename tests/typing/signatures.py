"""What a type checker must make of signatures, eager calls and calls from coroutines; see calls.py."""

from __future__ import annotations

from typing import Any, assert_type

from kernelq import AsyncResult, EagerResult, KernelQ, Signature, maybe_signature, signature, subtask
from kernelq.canvas import Signature as SignatureOfCanvas

app = KernelQ("typing", set_as_current=False)


@app.task
def add(x: int, y: int) -> int:
    return x + y


assert_type(add.s(1, 2), Signature[int])
assert_type(add.si(1, 2), Signature[int])
assert_type(add.signature((1, 2), countdown=3), Signature[int])
assert_type(add.subtask((1, 2)), Signature[int])
assert_type(add.s(1).delay(2), AsyncResult[int])
assert_type(add.s(1, 2).delay().get(), int)
assert_type(add.s(1, 2).apply_async(countdown=3).get(timeout=1), int)
assert_type(add.s(1, 2)(), int)
assert_type(~add.s(1, 2), int)
assert_type(add.s(1, 2).apply(), EagerResult[int])
assert_type(add.s(1).clone((2,)).set(queue="q").on_error(add.s(1)), Signature[int])
assert_type(add.s(1).freeze(), AsyncResult[int])
assert_type(add.s(1).link(add.si(1, 2)), Signature[int])
assert_type(add.s(1).args, tuple[Any, ...])
assert_type(add.s(1).id, str | None)
assert_type(add.apply((1, 2)), EagerResult[int])
assert_type(add.apply((1, 2)).get(), int)
assert_type(app.signature("far.away", (1,)), Signature[Any])
assert_type(signature("far.away"), Signature[Any])
assert_type(subtask(add.s(1)), Signature[Any])
assert_type(maybe_signature(None), Signature[Any] | None)
unbound: SignatureOfCanvas[int] = add.s(1)
wrong: str = add.s(1, 2).delay().get()  # type: ignore[assignment]
add.s("x").delay(1).get()  # partial arguments may be completed later, so they are not checked


async def ask() -> None:
    assert_type(await add.adelay(1, 2), AsyncResult[int])
    assert_type(await (await add.adelay(1, 2)).aget(), int)
    assert_type(await add.aapply_async((1, 2), countdown=1), AsyncResult[int])
    await add.adelay("x", 2)  # type: ignore[arg-type]


assert_type(add.send_many([(1, 2), (3, 4)])[0].get(), int)
