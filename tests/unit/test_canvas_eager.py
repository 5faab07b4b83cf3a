"""Chains, groups and chords run here and now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kernelq import EagerResult, GroupResult, KernelQ, chain, chord, group


@pytest.fixture(autouse=True)
def calls(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    """`add`, `xsum`, `ident` and `fail` make calls of tasks."""
    functions: dict[str, Callable[..., Any]] = {
        "add": lambda x, y: x + y, "xsum": sum, "ident": lambda *args: list(args), "fail": _fail,
    }  # fmt: skip
    for name, function in functions.items():
        monkeypatch.setitem(globals(), name, app.task(name=name, typing=False)(function).s)
    if "kernelq.accumulate" not in app.tasks:
        app.task(name="kernelq.accumulate")(lambda *args, index=None: args if index is None else args[index])


def _fail(*args: Any) -> None:
    raise KeyError("boom")


def add(*args: Any) -> Any: ...
def xsum(*args: Any) -> Any: ...
def ident(*args: Any) -> Any: ...
def fail(*args: Any) -> Any: ...


def a() -> Any:
    return add(1, 1)


def b() -> Any:
    return add(2)


@pytest.mark.parametrize(
    ("make", "args", "value"),
    [
        (lambda: a() | b(), (), 4),
        (lambda: add(1) | add(2), (10,), 13),
        (lambda: group(add(1), add(2)), (10,), [11, 12]),
        (lambda: chord([add(1), add(2)], ident()), (10,), [[11, 12]]),
        (lambda: group(a()) | ident(), (), [[2]]),
        (lambda: chain(group(a()), ident()), (), [2]),
        (lambda: group(a(), a()) | group(ident(), ident()), (), [[[2, 2]], [[2, 2]]]),
        (lambda: group(a(), a()) | group(xsum(), xsum()) | ident(), (), [[4, 4]]),
        (lambda: a() | group(b(), b()) | ident() | ident(), (), [[[4, 4]]]),
        (lambda: group(a(), group(a(), add(5, 5))), (), [2, 2, 10]),
        (lambda: group(a(), group(a(), add(5, 5))) | ident(), (), [[2, 2, 10]]),
        (lambda: chord([chain(a(), b()), a()], ident()), (), [[4, 2]]),
        (lambda: chord([chord([a(), a()], xsum()), a()], ident()), (), [[4, 2]]),
        (lambda: chord([chain(add(1, 0), group(add(1), add(2))), add(5, 0)], ident()), (), [[[2, 3], 5]]),
        (lambda: chord([], ident()), (), [[]]),
        (lambda: group(), (), []),
        (lambda: group(add(number) for number in range(3)) | xsum(), (1,), 6),
        (lambda: group(a() | group(b(), b())), (), [4, 4]),
        (lambda: chord([a()], ident().set(immutable=True)), (), []),
    ],
)
def test_the_value_of_a_canvas(make: Callable[[], Any], args: Any, value: Any) -> None:
    assert make().apply(args).get() == value


def test_an_empty_chain_has_no_result() -> None:
    assert chain().apply() is None


def test_results_are_those_a_worker_would_give() -> None:
    sig = a() | group(b(), b()) | xsum()
    expected = sig.freeze()

    result = sig.apply()

    assert isinstance(result, EagerResult)
    assert isinstance(result.parent, GroupResult)
    assert result.as_tuple() == expected.as_tuple()
    assert (result.get(), result.parent.get(), result.parent.parent.get()) == (8, [4, 4], 2)


def test_a_step_that_fails_fails_those_after_it() -> None:
    result = chain(a(), fail(), b(), b()).apply()

    states = [result.state, *(above.state for above in result.ancestors())]
    assert states == ["FAILURE", "FAILURE", "FAILURE", "SUCCESS"]
    with pytest.raises(KeyError):
        result.get()


def test_a_member_that_fails_fails_the_body() -> None:
    result = chord([a(), fail(), a()], ident()).apply()

    assert (result.state, [member.state for member in result.parent]) == ("FAILURE", ["SUCCESS", "FAILURE", "SUCCESS"])
    with pytest.raises(KeyError):
        result.get()


def test_error_callbacks_of_a_body_are_called_once_when_a_member_fails(app: KernelQ) -> None:
    seen: list[Any] = []
    here = app.task(name="here")(lambda request, error, traceback: seen.append((request.task, type(error))))
    told = app.task(name="told")(seen.append)

    sig = chord([fail(), fail()], ident() | xsum())
    sig.link_error(here.s())
    sig.link_error(told.s())
    result = sig.apply()

    assert seen == [("ident", KeyError), result.parent.id]


def test_a_group_runs_all_of_its_members() -> None:
    result = group(a(), fail()).apply()

    assert (result.ready(), result.successful(), result.failed(), result.completed_count()) == (True, False, True, 1)
    value, error = result.join(propagate=False)
    assert (value, type(error)) == (2, KeyError)


def test_throw_raises_at_once() -> None:
    for sig in (chain(fail(), b()), group(fail()), chord([fail()], ident())):
        with pytest.raises(KeyError):
            sig.apply(throw=True)


def test_links_are_called_here_too(app: KernelQ) -> None:
    seen: list[Any] = []
    note = app.task(name="note")(seen.append)

    (a() | b()).apply(link=note.s())
    chord([a()], xsum()).apply(link=note.s())

    assert seen == [4, 2]


def test_a_task_is_replaced_by_a_canvas(app: KernelQ) -> None:
    @app.task(bind=True, name="swap")
    def swap(self: Any, kind: str) -> Any:
        forms = {
            "task": a(), "chain": a() | b(), "group": group(a(), b().clone((1,))), "chord": chord([a()], xsum()),
            "ends": a() | group(b(), b()), "one": group([a()]),
        }  # fmt: skip
        return self.replace(forms[kind])

    values = {kind: swap.apply((kind,)).get() for kind in ("task", "chain", "group", "chord", "ends", "one")}

    assert values == {"task": 2, "chain": 4, "group": [2, 3], "chord": 2, "ends": [4, 4], "one": [2]}
