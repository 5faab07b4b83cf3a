"""What a type checker must make of signatures, eager calls and calls from coroutines; see calls.py."""

from __future__ import annotations

from typing import Any, assert_type

from kernelq import (
    AsyncResult,
    EagerResult,
    GroupResult,
    KernelQ,
    Signature,
    chain,
    chord,
    group,
    maybe_signature,
    signature,
    subtask,
    xmap,
)  # fmt: skip
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


# --- several calls as one value


@app.task
def text(number: int) -> str:
    return str(number)


@app.task
def xsum(numbers: list[int]) -> int:
    return sum(numbers)


assert_type(add.s(1, 2) | text.s(), Signature[str])
assert_type((add.s(1, 2) | text.s()).delay().get(), str)
assert_type(chain(add.s(1, 2), text.s()), chain[str])
assert_type(chain(add.s(1, 2), add.s(3), text.s()).apply_async(countdown=1), AsyncResult[str])
assert_type(chain(add.s(1, 2), add.s(3), add.s(4), text.s()), chain[Any])
assert_type(chain(add.s(number) for number in range(3)), chain[Any])
assert_type(group(add.s(1, 2), add.s(3, 4)), group[int])
assert_type(group(add.s(number, 1) for number in range(3)), group[int])
assert_type(group([add.s(1, 2)]).delay(), GroupResult[int])
assert_type(group([add.s(1, 2)])(), GroupResult[int])
assert_type(group([add.s(1, 2)]).apply_async(countdown=1).get(), list[int])
assert_type(group([add.s(1, 2)]).skew(), group[int])
assert_type(group([add.s(1, 2)]) | xsum.s(), Signature[int])
assert_type(add.s(1) | group(text.s(), text.s()), Signature[list[str]])
assert_type(chord([add.s(1, 2)], text.s()), chord[str])
assert_type(chord([add.s(1, 2)], text.s()).delay(), AsyncResult[str])
assert_type(chord([add.s(1, 2)])(text.s()), AsyncResult[str])
assert_type(add.map([1]), xmap[int])
assert_type(add.starmap([(1, 2)]).delay().get(), list[int])
assert_type(add.chunks([(1, 2)], 2).apply_async(), GroupResult[list[int]])
assert_type(add.chunks([(1, 2)], 2).group(), group[list[int]])
add.s(1) | None  # type: ignore[operator]
