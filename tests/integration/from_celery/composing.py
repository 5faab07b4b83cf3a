"""Chains, groups, chords and maps: their values, the results they give, and what becomes of failures."""

from __future__ import annotations

import json
from typing import Any

from kernelq import chain, chord, group
from shop import orders
from shop.celery import app

from .case import PATIENCE, case, end, ends, journal, wait_until

add, echo, charge = orders.add, orders.echo, orders.charge


def values(*composed: Any) -> list[Any]:
    """What each gives when it is started."""
    return [each.apply_async().get(timeout=PATIENCE) for each in composed]


def family(result: Any) -> Any:
    """A result and those before it, by their types and final states: Celery stores a success after it has sent what follows."""
    for each in getattr(result, "results", [result]):
        each.get(timeout=PATIENCE, propagate=False, follow_parents=False)
    named = [type(result).__name__, getattr(result, "state", None)]
    if hasattr(result, "results"):
        named[1:] = [[each.state for each in result.results]]
    return [*named, None if result.parent is None else family(result.parent)]


@case
def composed_chains() -> Any:
    result = chain(add.s(1, 1), add.s(2), add.s(3))()
    return [
        result.get(timeout=PATIENCE), family(result),
        values(add.s(1, 1) | add.s(2), chain(add.s(1, 1), add.si(7, 7)), chain([add.s(1, 1), echo.s()]), chain(add.s(1, 2))),
        (add.s(1) | add.s(2)).apply_async((10,)).get(timeout=PATIENCE), (add.s(1) | echo.s())(5).get(timeout=PATIENCE),
        chain(app=app)(),
    ]  # fmt: skip


@case
def composed_groups() -> Any:
    result = group(add.s(1, 1), add.s(2, 2))()
    return [
        result.get(timeout=PATIENCE), family(result), [len(result), result.successful(), result.completed_count()],
        values(group(add.s(i, i) for i in range(4)), group([add.s(1, 1)]), group(add.s(1, 1), group(add.s(2, 2), add.s(3, 3)))),
        group(add.s(1), add.s(2)).apply_async((10,)).get(timeout=PATIENCE), group(add.s(1), add.s(2))(5).get(timeout=PATIENCE),
        (add.s(1, 1) | group(add.s(1), add.s(2)))().get(timeout=PATIENCE),
    ]  # fmt: skip


@case
def composed_chords() -> Any:
    result = chord([add.s(1, 1), add.s(2, 2)], echo.s())()
    made = [
        chord((add.s(i, i) for i in range(4)), echo.s()), group(add.s(1, 1), add.s(2, 2)) | echo.s() | echo.s(),
        add.s(1, 1) | group(add.s(1), add.s(2)) | echo.s(), chord([chain(add.s(1, 1), add.s(5)), add.s(1, 1)], echo.s()),
        chord([add.s(1, 1), add.s(2, 2)], group(echo.s(), echo.s())), chord([add.s(1, 1)], add.si(7, 7)),
        chord([chord([add.s(1, 1)], echo.s()), add.s(2, 2)], echo.s()), group(add.s(1, 1), add.s(2, 2)) | group(echo.s(), echo.s()),
    ]  # fmt: skip
    return [
        result.get(timeout=PATIENCE), family(result), values(*made),
        chord([add.s(1, 1), add.s(2, 2)])(echo.s()).get(timeout=PATIENCE),
        chord([add.s(1), add.s(2)], echo.s()).apply_async((10,)).get(timeout=PATIENCE),
        chord([], echo.s(), app=app)().get(timeout=PATIENCE),
    ]  # fmt: skip


@case
def composed_maps() -> Any:
    pairs = [(i, i) for i in range(5)]
    return values(
        echo.map([[1], 2]), add.starmap(pairs), add.chunks(pairs, 2), add.chunks(pairs, 3).group() | echo.s(),
        chord([add.starmap(pairs[:2]), echo.map([1])], echo.s()),
    )  # fmt: skip


@case
def composed_as_data() -> Any:
    made = add.s(1, 1) | group(add.s(1), add.s(2)) | echo.s()
    stored = json.loads(json.dumps(made))
    return [made.subtask_type, repr(add.s(1, 1) | add.s(2)), values(app.signature(stored))]


@case
def composed_chain_that_fails() -> Any:
    result = chain(add.s(1, 1), charge.si("visa", "key"), echo.s(), echo.s())()
    return [ends(result, result.parent, result.parent.parent), family(result)]


@case
def composed_group_that_fails() -> Any:
    result = group(add.s(1, 1), charge.si("visa", "key"))()
    found = result.get(timeout=PATIENCE, propagate=False)
    return [found[0], type(found[1]).__name__, family(result), result.failed(), result.completed_count()]


@case
def composed_chord_that_fails() -> Any:
    result = chord([add.s(1, 1), charge.si("visa", "key")], echo.s())()
    return [end(result)["raised"], refused(result.id), refused(expired())]


def expired() -> str:
    """The id of a chord with a member that comes too late."""
    return str(chord([add.s(1, 1), add.s(2, 2).set(expires=-5)], echo.s())().id)


def refused(id: str) -> list[Any]:
    """What a result raises that knows of nothing but its id."""
    alone = app.AsyncResult(id)
    try:
        return [alone.get(timeout=PATIENCE)]
    except Exception as error:  # noqa: BLE001  (whatever it is, it is compared)
        return [type(error).__name__, " ".join(str(error).split()[2:]), alone.state]


@case
def composed_error_callbacks() -> Any:
    whole = [
        chain(add.s(1, 1), charge.si("visa", "key"), echo.s()), group(add.s(1, 1), charge.si("visa", "key")),
        chord([add.s(1, 1), charge.si("visa", "key")], echo.s()), chord([add.s(1, 1)], charge.si("visa", "key")),
    ]  # fmt: skip
    seen = []
    for composed in whole:
        before = called()
        composed.link_error(orders.went_wrong.s())
        composed.link_error(orders.clean_up.s())
        composed.apply_async()
        wait_until(lambda before=before: all(now > then for now, then in zip(called(), before, strict=True)))
        seen.append([now - then for now, then in zip(called(), before, strict=True)])
    return seen


def called() -> list[int]:
    """How often error callbacks were called, of either kind."""
    return [len(journal("went_wrong")), len(journal("clean_up"))]
