"""What comes of composing signatures: their shapes, their texts, their plain forms."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from kernelq import KernelQ, Signature, chain, chord, chunks, group, maybe_signature, signature, xmap, xstarmap
from shapes import shape

Make = Callable[[], Any]


@pytest.fixture(autouse=True)
def calls(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    """`a`, `b`, `t` make calls of three tasks."""
    for name in ("a", "b", "t"):
        task: Any = app.task(name=f"proj.{name}")(lambda *args: args)
        monkeypatch.setitem(globals(), name, task.s)


def a(*args: Any) -> Any: ...
def b(*args: Any) -> Any: ...
def t(*args: Any) -> Any: ...


COMPOSED: list[tuple[Make, str]] = [
    (lambda: a() | b(), "chain(a, b)"),
    (lambda: a() | (b() | t()), "chain(a, b, t)"),
    (lambda: (a() | b()) | t(), "chain(a, b, t)"),
    (lambda: (t() | t()) | (t() | t()), "chain(t, t, t, t)"),
    (lambda: a() | group(b(), b()), "chain(a, group(b, b))"),
    (lambda: a() | group(b()), "chain(a, b)"),
    (lambda: (a() | b()) | group(b()), "chain(a, b, b)"),
    (lambda: (a() | b()) | group(b(), t()), "chain(a, b, group(b, t))"),
    (lambda: a() | group(), "chain(a, group())"),
    (lambda: (a() | b()) | group(), "chain(a, b)"),
    (lambda: a() | group() | t(), "chain(a, t)"),
    (lambda: a() | chain(), "chain(a)"),
    (lambda: group(a(), a()) | t(), "chord([a, a], t)"),
    (lambda: group(a(), a()) | (b() | b()), "chord([a, a], chain(b, b))"),
    (lambda: group(a(), a()) | group(b(), b()), "chord([a, a], group(b, b))"),
    (lambda: group(a(), a()) | group(b(), b()) | t(), "chord([a, a], chord([b, b], t))"),
    (lambda: group(a(), a()) | chord([b()], t()), "chord([a, a], chord([b], t))"),
    (lambda: group([a()]) | t(), "chord([a], t)"),
    (lambda: group() | t(), "chord([], t)"),
    (lambda: group(a(), a()) | group(), "group(a, a)"),
    (lambda: group(a(), a()) | chain(), "group(a, a)"),
    (lambda: group(call for call in [a(), b()]) | t(), "chord([a, b], t)"),
    (lambda: group(a(), group(b(), b())) | t(), "chord([a, group(b, b)], t)"),
    (lambda: group([dict(a()), dict(b())]) | t(), "chord([a, b], t)"),
    (lambda: a() | group(b(), b()) | t(), "chain(a, chord([b, b], t))"),
    (lambda: a() | group(b(), b()) | t() | t(), "chain(a, chord([b, b], chain(t, t)))"),
    (lambda: a() | group(b(), b()) | (t() | t()), "chain(a, chord([b, b], chain(t, t)))"),
    (lambda: a() | group(b(), b()) | chord([b()], t()), "chain(a, chord([b, b], chord([b], t)))"),
    (lambda: a() | group(b(), b()) | group(t(), t()), "chain(a, group(b, b), group(t, t))"),
    (lambda: chord([a(), a()], t()) | t(), "chord([a, a], chain(t, t))"),
    (lambda: chord([a(), a()], t()) | group(b()), "chord([a, a], chain(t, b))"),
    (lambda: chord([a(), a()], t()) | group(b(), b()), "chain(chord([a, a], t), group(b, b))"),
    (lambda: chord([a(), a()], t()) | (b() | b()), "chain(chord([a, a], t), b, b)"),
    (lambda: chord([a(), a()], t()) | chord([b()], t()), "chord([a, a], chain(t, chord([b], t)))"),
    (lambda: chord([a(), a()], t()) | chain(), "chain(chord([a, a], t))"),
    (lambda: chord([a(), a()], group(b(), b())) | t(), "chord([a, a], chord([b, b], t))"),
    (lambda: chord([a()]) | t(), "chord([a], t)"),
    (lambda: a() | chord([b(), b()], t()), "chain(a, chord([b, b], t))"),
    (lambda: (a() | chord([b(), b()], t())) | b(), "chain(a, chord([b, b], chain(t, b)))"),
    (lambda: (a() | chord([b(), b()], t())) | group(b(), b()), "chain(a, chord([b, b], chain(t, group(b, b))))"),
    (lambda: (a() | chord([b(), b()], t())) | (b() | b()), "chain(a, chord([b, b], chain(t, b, b)))"),
    (lambda: (a() | chord([b()], t())) | chord([b()], t()), "chain(a, chord([b], t), chord([b], t))"),
    (lambda: chain(), "chain()"),
    (lambda: chain([]), "chain()"),
    (lambda: chain([a()]), "chain(a)"),
    (lambda: chain(a()), "a"),
    (lambda: chain(dict(a())), "a"),
    (lambda: chain(a(), b()), "chain(a, b)"),
    (lambda: chain([a(), b()]), "chain(a, b)"),
    (lambda: chain(call for call in [a(), b()]), "chain(a, b)"),
    (lambda: chain(dict(a()), dict(b())), "chain(a, b)"),
    (lambda: chain(group(a()), t()), "chain(a, t)"),
    (lambda: chain(group(a(), a()), t()), "chord([a, a], t)"),
    (lambda: chain(group(), a()), "chain(a)"),
    (lambda: chain(a(), group()), "chain(a)"),
    (lambda: chain(a(), chain(), b()), "chain(a, b)"),
    (lambda: chain(chord([a()], t()), group(b(), b())), "chain(chord([a], chain(t, group(b, b))))"),
    (lambda: chain(a(), chain(b(), group(b(), b())), t()), "chain(a, b, chord([b, b], t))"),
    (lambda: chain() | a(), "chain(a)"),
    (lambda: chain() | chain(), "chain()"),
    (lambda: chain() | group(b(), b()), "group(b, b)"),
    (lambda: group(), "group()"),
    (lambda: group(a()), "group(a)"),
    (lambda: group([a(), b()]), "group(a, b)"),
    (lambda: group(group(a(), b())), "group(a, b)"),
    (lambda: group(group(a(), a()), b()), "group(group(a, a), b)"),
    (lambda: chord(a(), t()), "chord([a], t)"),
    (lambda: chord([], t()), "chord([], t)"),
    (lambda: chord(group(a(), b()), t()), "chord([a, b], t)"),
    (lambda: chord((call for call in [a(), b()]), t()), "chord([a, b], t)"),
    (lambda: chord([a()]), "chord([a], nothing)"),
]


@pytest.mark.parametrize(("make", "text"), COMPOSED, ids=[text for _, text in COMPOSED])
def test_composing_gives_the_shape(make: Make, text: str) -> None:
    assert shape(make()) == text


@pytest.mark.parametrize("make", [make for make, _ in COMPOSED], ids=[text for _, text in COMPOSED])
def test_every_canvas_survives_json(make: Make) -> None:
    sig = make()

    again = signature(json.loads(json.dumps(sig)))

    assert again == sig
    assert type(again) is type(sig)


@pytest.mark.parametrize("make", [make for make, _ in COMPOSED], ids=[text for _, text in COMPOSED])
def test_every_canvas_survives_our_serializers_pickling_and_copying(app: KernelQ, make: Make) -> None:
    sig = make()

    for serializer in map(app.serializer, ("json", "msgpack", "yaml")):
        assert signature(serializer.loads(serializer.dumps([a().set(link=[sig])]))[0]).options["link"] == [sig]
    assert pickle.loads(pickle.dumps(sig)) == sig
    assert copy.deepcopy(sig) == sig
    assert sig.clone() == sig


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: a(2) | b(4), "proj.a(2) | b(4)"),
        (lambda: group([a(1, 1), b(2)]), "group([proj.a(1, 1), b(2)])"),
        (lambda: group(a(1, 1), b(2)), "group((proj.a(1, 1), b(2)))"),
        (lambda: group(), "group(<empty>)"),
        (lambda: group(call for call in [a()]), "group(<lazy>)"),
        (lambda: chord([a(1), b(2)], t()), "%proj.t([a(1), b(2)])"),
        (lambda: chord([a(1)], t(3)), "%proj.t([a(1)], 3)"),
        (lambda: chord([a(1)], t() | b(2)), "%(proj.t([a(1)]) | b(2))"),
        (lambda: chord([a(1)], group([b(), t()])), "%(group([proj.b(), t()]))([a(1)])"),
        (lambda: chord([a(1)]), "<chord without body: [proj.a(1)]>"),
        (lambda: chain(), "<chain: empty>"),
        (lambda: a() | group(b(), b()) | t(), "proj.a() | %t((b(), b()))"),
        (lambda: signature("x.f") | signature("y.g") | signature("y.h") | signature("k"), "x.f() | y.g() | h() | k()"),
        (lambda: a().type.map([1, 2]), "[proj.a(x) for x in [1, 2]]"),
        (lambda: a().type.starmap([(1, 2)]), "[proj.a(*x) for x in [(1, 2)]]"),
        (lambda: a().type.chunks([1], 2), "kernelq.chunks(task=proj.a(), it=[1], n=2)"),
        (lambda: group(a().type.map([1])), "group([[proj.a(x) for x in [1]]])"),
    ],
)  # fmt: skip
def test_its_text_is_the_calls(make: Make, text: str) -> None:
    assert repr(make()) == text


@pytest.mark.parametrize("other", [None, 5, "b", [], {"task": "b"}])
def test_only_signatures_follow_one_another(other: Any) -> None:
    for sig in (a(), chain([a()]), group(a()), chord([a()], t())):
        with pytest.raises(TypeError, match="unsupported operand"):
            sig | other


@pytest.mark.parametrize(
    "make", [lambda: chain(a(), 5), lambda: group(None), lambda: group([a(), "b"]), lambda: chord([5])]
)
def test_what_is_no_call_cannot_be_a_part(make: Make) -> None:
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize(
    ("make", "culprit"),
    [
        (lambda: chain(5), "5"),
        (lambda: chain(None), "None"),
        (lambda: chain("proj.a"), "'proj.a'"),
        (lambda: group("proj.a"), "'proj.a'"),
        (lambda: group(len), "<built-in function len>"),
        (lambda: chord(None, t()), "None"),
    ],
)
def test_what_is_no_list_of_calls_is_named(make: Make, culprit: str) -> None:
    with pytest.raises(
        TypeError, match=rf"expected signatures, as task\.s\(\) makes them, .*, got {re.escape(culprit)}$"
    ):
        make()


def test_what_is_composed_is_left_as_it_is() -> None:
    first, second = a(1), group(b(2), b(3))

    both = first | second | t()
    both.tasks[0].set(countdown=5)
    both.tasks[1].tasks[0].args = (9,)

    assert (first, second) == (a(1), group(b(2), b(3)))


def test_in_place_composing_gives_the_same() -> None:
    sig = a()
    sig |= b()

    assert shape(sig) == "chain(a, b)"


def test_flattening_a_chain_hands_on_what_it_was_given() -> None:
    given = chain(a(), b()).clone((1,), countdown=5, task_id="last")
    given.link(t(2))
    given.link_error(t(3))

    sig = given | a()

    assert [dict(task.options) for task in sig.tasks] == [
        {"countdown": 5, "link_error": [t(3)]}, {"task_id": "last", "link": [t(2)], "link_error": [t(3)]}, {},
    ]  # fmt: skip
    assert sig.tasks[0].args == (1,)


def test_a_group_of_one_that_is_unrolled_hands_on_what_it_was_given() -> None:
    sig = a() | group([b(2)]).clone((1,), queue="q")

    assert sig.tasks[1] == b(1, 2).set(queue="q")


# --- what they are -------------------------------------------------------------------------------


def test_their_plain_forms_name_our_own_tasks() -> None:
    plain = {"args": (), "options": {}, "immutable": False}

    assert dict(chain([a()])) == {"task": "kernelq.chain", "kwargs": {"tasks": [a()]}, "subtask_type": "chain", **plain}
    assert dict(group([a()])) == {"task": "kernelq.group", "kwargs": {"tasks": [a()]}, "subtask_type": "group", **plain}
    kwargs = {"kwargs": {}, "header": [a()], "body": t()}
    assert dict(chord([a()], t())) == {"task": "kernelq.chord", "kwargs": kwargs, "subtask_type": "chord", **plain}
    for made, name in ((a().type.map([1]), "map"), (a().type.starmap([[1]]), "starmap")):
        kwargs = {"task": a(), "it": made.kwargs["it"]}
        assert dict(made) == {
            **plain,
            "task": f"kernelq.{name}",
            "kwargs": kwargs,
            "subtask_type": None,
            "immutable": True,
        }


@pytest.mark.parametrize(("name", "kind"), [("map", xmap), ("starmap", xstarmap), ("chunks", chunks)])
@pytest.mark.parametrize("house", ["kernelq", "celery"])
def test_maps_are_known_by_the_names_of_their_tasks(name: str, kind: type[Any], house: str) -> None:
    plain = {"task": f"{house}.{name}", "kwargs": {"task": dict(a()), "it": [1], "n": 1}, "immutable": True}

    sig = signature(plain)

    assert type(sig) is kind
    assert sig.task == f"{house}.{name}"


def test_the_plain_forms_of_a_celery_peer_are_understood() -> None:
    plain = {"task": "celery.chord", "args": [], "options": {}, "subtask_type": "chord", "immutable": False}
    tasks = {"task": "celery.group", "kwargs": {"tasks": [dict(a())]}, "subtask_type": "group"}

    for header in (tasks, [dict(a())]):
        sig = maybe_signature({**plain, "kwargs": {"kwargs": {}, "header": header, "body": dict(t())}})
        assert isinstance(sig, chord)
        assert (list(sig.tasks), sig.body) == ([a()], t())


def test_a_type_of_ones_own_lives_through_copies_and_json() -> None:
    @Signature.register_type()
    class pipeline(chain[Any]):
        pass

    try:
        sig = pipeline.build({"tasks": [a(), b()]})

        assert (sig["subtask_type"], type(sig.clone())) == ("pipeline", pipeline)
        assert type(signature(json.loads(json.dumps(sig)))) is pipeline
        assert type(sig | t()) is pipeline
        assert repr(sig.stamp(by="me")) == "proj.a() | b()"
        assert sig.tasks[0].options["by"] == "me"
    finally:
        del Signature.TYPES["pipeline"]


def test_the_classes_can_be_subscripted() -> None:
    assert None not in (chain[int], group[int], chord[int], xmap[int])


def test_one_call_that_is_there_twice_becomes_two() -> None:
    call = a()

    first, second = group([call, call]).tasks

    assert first == second
    assert first is not second


def test_its_app_is_that_of_its_parts(app: KernelQ) -> None:
    for sig in (chain([a()]), group(a()), chord([a()], t()), chord([]) | t(), group(call for call in [a()])):
        assert sig.app is app
    assert KernelQ("current").finalize() or group().app.main == "current"


def test_a_group_has_a_length_and_is_true_when_there_is_something_in_it() -> None:
    assert (len(group(a(), b())), len(group()), len(group(call for call in [a()]))) == (2, 0, 1)
    assert (bool(group(a())), bool(group()), bool(group(call for call in [a()]))) == (True, False, True)
    assert chord([a(), b()], t()).__length_hint__() == 2
    assert chord([a(), group(b(), group(b(), b())), chain(a(), b())], t()).__length_hint__() == 5


# --- copies and laziness -------------------------------------------------------------------------


def test_a_copy_has_parts_of_its_own() -> None:
    for sig in (chain(a(), b()), group(a(), b()), chord([a(), b()], t())):
        twin = sig.clone()
        twin.tasks[0].set(queue="q").link(t())
        twin.tasks[0].kwargs["x"] = 1
        assert sig.tasks[0] == a()


def test_a_generator_is_drawn_when_it_is_looked_at_and_only_once() -> None:
    drawn: list[int] = []

    def members() -> Any:
        for number in range(3):
            drawn.append(number)
            yield a(number)

    sig = group(members())
    twin = (sig.clone() | t()).clone()
    assert (drawn, repr(sig), isinstance(twin, chord)) == ([], "group(<lazy>)", True)

    assert next(iter(sig.tasks)) == a(0)
    assert drawn == [0]
    assert shape(twin) == "chord([a0, a1, a2], t)"
    assert (len(sig), drawn) == (3, [0, 1, 2])
    assert twin.tasks[0] is not sig.tasks[0]


def test_skew_lets_each_member_wait_longer() -> None:
    waits = lambda sig: [task.options["countdown"] for task in sig.tasks]  # noqa: E731

    assert waits(group(a() for _ in range(3)).skew()) == [1, 2, 3]
    assert waits(group([a()] * 4).skew(start=2, stop=10, step=3)) == [2, 5, 8, 8]
    assert waits(group([a()] * 4).skew(start=2, stop=3)) == [2, 3, 3, 3]
