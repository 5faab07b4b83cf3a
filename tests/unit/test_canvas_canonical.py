"""The canonical form of a signature: what was given to a whole is with its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kernelq import KernelQ, Signature, chain, chord, chunks, group, signature
from kernelq_plugins.canvas.composing import canonical
from shapes import shape

Make = Callable[[], Any]
ACC = "accumulate"


def call(name: str, *args: Any) -> Signature[Any]:
    return signature(name, args)


def a(*args: Any) -> Any:
    return call("a", *args)


def b(*args: Any) -> Any:
    return call("b", *args)


def t(*args: Any) -> Any:
    return call("t", *args)


def form_of(sig: Any, *args: Any, **options: Any) -> Any:
    return canonical(sig, args, None, options)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: a(), "a"),
        (lambda: chain([a()]), "a"),
        (lambda: chain([group(a(), b())]), "group(a, b)"),
        (lambda: chain([chain([a()]), chain([b(), t()])]), "chain(a, b, t)"),
        (lambda: chain([a(), group(), chain(), group(chain()), b()]), "chain(a, b)"),
        (lambda: chain([a(), group([b()])]), "chain(a, b)"),
        (lambda: a() | group() | b(), "chain(a, b)"),
        (lambda: a() | group(b(), b()) | group(t(), t()), "chain(a, chord([b, b], group(t, t)))"),
        (lambda: a() | group(b(), b()) | group(t(), t()) | a(), "chain(a, chord([b, b], chord([t, t], a)))"),
        (lambda: chord([a()], group(b(), b())) | (t() | t()), "chain(chord([a], chord([b, b], t)), t)"),
        (lambda: chord([a()], b() | group(b(), b())) | (t() | t()), "chain(chord([a], chain(b, chord([b, b], t))), t)"),
        (lambda: chord([a()], t()) | (b() | b()), "chain(chord([a], t), b, b)"),
        (lambda: group(), "group()"),
        (lambda: group(chain(), a(), group()), "group(a)"),
        (lambda: group(group(a(), group(b())), chain([group(t(), t())]), a()), "group(a, b, t, t, a)"),
        (lambda: group(a() | group(b(), b())), "group(chain(a, group(b, b)))"),
        (lambda: group(chord([a()], t()), chain([b()])), "group(chord([a], t), b)"),
        (lambda: chord([], t()), "chord([], t)"),
        (lambda: chord([group(a(), group(b())), a()], t()), "chord([a, b, a], t)"),
        (lambda: chord([a()], chain([t()])), "chord([a], t)"),
        (lambda: chord([a()], chain()), "group(a)"),
        (lambda: chord([a()], group()), "group(a)"),
        (lambda: chord([a() | group(b(), b()), t()], t()), f"chord([chain(a, chord([b, b], {ACC})), t], t)"),
        (lambda: chord([chord([a()], group(b(), b()))], t()), f"chord([chord([a], chord([b, b], {ACC}))], t)"),
        (lambda: chord([a() | chord([b()], t() | group(b(), b()))], t()),
         f"chord([chain(a, chord([b], chain(t, chord([b, b], {ACC}))))], t)"),
        (lambda: chord([chain([group(a() | group(b(), b()), a())])], t()), f"chord([chain(a, chord([b, b], {ACC})), a], t)"),
        (lambda: chain([group(a() | group(b(), b()), a()), t()]), f"chord([chain(a, chord([b, b], {ACC})), a], t)"),
    ],
)  # fmt: skip
def test_the_form_of_a_canvas(make: Make, text: str) -> None:
    sig = make()
    before = sig.clone()

    form = form_of(sig)

    assert shape(form) == text
    assert form_of(form) == form
    assert sig == before


@pytest.mark.parametrize(
    "nothing", [chain(), group(), group(chain()), chord([], chain()), chunks(signature("a"), [], 2)]
)
def test_the_value_passes_by_what_is_empty(nothing: Any) -> None:
    form = form_of(chain.build({"tasks": [nothing, a(2), nothing.clone(), b(2), nothing.clone()]}), 1)

    assert shape(form) == "chain(a12, b2)"


@pytest.mark.parametrize("make", [chain, lambda: chain([chain(), group(chain())]), lambda: chain([group()])])
def test_there_is_none_where_nothing_is_to_be_run(make: Make) -> None:
    assert form_of(make(), 1) is None


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: a(2), "a12"),
        (lambda: a(2) | b(2), "chain(a12, b2)"),
        (lambda: chain([group(), a(2)]), "a12"),
        (lambda: group(a(2), b(2)), "group(a12, b12)"),
        (lambda: group(a(2) | b(2), group(t(2))), "group(chain(a12, b2), t12)"),
        (lambda: chord([a(2), b(2)], t(2)), "chord([a12, b12], t2)"),
        (lambda: chain([chord([a(2)], t(2)), b(2)]), "chord([a12], chain(t2, b2))"),
        (lambda: group(a(2).set(immutable=True), b(2)), "group(a2, b12)"),
        (lambda: (a(2) | b(2)).set(immutable=True), "chain(a2, b2)"),
        (lambda: (a(3) | b(2)).clone((2,)), "chain(a123, b2)"),
        (lambda: chord([group(a(3)).clone((2,))], t(2)), "chord([a123], t2)"),
    ],
)
def test_arguments_of_a_call_go_to_what_runs_first(make: Make, text: str) -> None:
    assert shape(form_of(make(), 1)) == text


def test_keywords_go_where_arguments_go() -> None:
    given = canonical(chord([a(), b().set(immutable=True)], t()).clone(kwargs={"x": 1}), (), {"y": 2})

    assert given is not None
    assert [task.kwargs for task in given.kwargs["header"].tasks] == [{"x": 1, "y": 2}, {}]
    assert given.kwargs["body"].kwargs == {}
    assert canonical(chain(a(), b()), (), {"y": 2}) == chain(a().clone(kwargs={"y": 2}), b())


# --- options -------------------------------------------------------------------------------------


def options_of(*tasks: Any) -> list[Any]:
    return [dict(task.options) for task in tasks]


def test_options_of_a_chain_are_its_first_tasks_and_its_id_is_the_last_ones() -> None:
    form = form_of(chain(a(), b(), t()).set(queue="q"), countdown=5, task_id="id", group_index=1)

    assert options_of(*form.tasks, form) == [
        {"queue": "q", "countdown": 5}, {}, {"task_id": "id", "group_index": 1}, {},
    ]  # fmt: skip


def test_a_callback_of_a_chain_is_its_last_tasks_and_an_error_callback_every_tasks() -> None:
    form = form_of(chain.build({"tasks": [a(), chord([b()], b()), t()]}, options={"link": [a(1)]}), link_error=a(2))

    first, middle, last = form.tasks
    assert options_of(first, middle.body, last) == [
        {"link_error": [a(2)]}, {"link_error": [a(2)]}, {"link": [a(1)], "link_error": [a(2)]},
    ]  # fmt: skip
    assert options_of(middle, middle.header, *middle.tasks) == [{}, {}, {}]


def test_options_of_a_group_are_those_of_every_member_and_its_id_is_its_own() -> None:
    form = form_of(group(a(), group(b()).set(priority=3)).set(queue="q"), countdown=5, task_id="id")

    assert options_of(*form.tasks, form) == [
        {"queue": "q", "countdown": 5}, {"priority": 3, "queue": "q", "countdown": 5}, {"task_id": "id"},
    ]  # fmt: skip


def test_a_link_of_a_chain_that_ends_in_a_group_is_called_by_each_member_with_its_value() -> None:
    for form in (
        form_of(a() | group(b(), b()), link=t(1), link_error=t(2)),
        form_of(a() | group(b(), b()).set(link=t(1), link_error=[t(2)])),
    ):
        assert options_of(*form.tasks[1].tasks) == [{"link": [t(1)], "link_error": [t(2)]}] * 2


def test_a_link_of_a_chord_whose_body_is_a_group_is_called_by_the_first_member_without_a_value() -> None:
    sig = chord([a()], group(b(), b()))
    linked = sig.clone()
    linked.link(t(1))

    for form in (form_of(linked), form_of(sig, link=t(1)), form_of(a() | sig, link=t(1)).tasks[1]):
        assert options_of(*form.body.tasks) == [{"link": [t(1).set(immutable=True)]}, {}]


def test_an_immutable_group_or_header_takes_no_value_of_what_comes_before() -> None:
    members = [a(1).set(immutable=True), b(2).set(immutable=True)]

    for make in (lambda: [a(1), b(2)], lambda: (task for task in (a(1), b(2)))):
        assert group(make()).set(immutable=True) == group(members)
        assert chord(make(), t()).set(immutable=True) == chord(members, t())
        assert form_of(group(make()).set(immutable=True), 7) == group(members)
        assert form_of(a() | group(make()).set(immutable=True) | t()) == form_of(a() | group(members) | t())


def test_what_was_immutable_can_be_made_to_take_values_again() -> None:
    assert group(a().set(immutable=True)).set(immutable=False) == group(a())


def test_a_chord_starts_later_at_its_header_and_is_known_by_its_body() -> None:
    form = form_of(chord([a()], b() | t()), countdown=5, eta=1, task_id="id", link=a(1), link_error=a(2), priority=4)

    first, last = form.body.tasks
    assert options_of(*form.tasks) == [{"countdown": 5, "eta": 1, "priority": 4}]
    assert options_of(first) == [{"priority": 4, "link_error": [a(2)]}]
    assert options_of(last) == [{"task_id": "id", "link": [a(1)], "link_error": [a(2)]}]
    assert options_of(form) == [{}]


def test_a_link_is_added_to_those_a_part_has() -> None:
    form = form_of(chain(a(), b().set(link=[t(1)])), link=t(2))

    assert form.tasks[1].options["link"] == [t(1), t(2)]


@pytest.mark.parametrize("is_on", [False, True])
def test_a_setting_lets_members_of_a_header_call_the_error_callbacks_of_the_body(app: KernelQ, is_on: bool) -> None:
    app.conf.task_allow_error_cb_on_chord_header = is_on
    sig = app.signature("a") | chord([app.signature("a")], app.signature("b"))
    sig.tasks[1].link_error(t(1))

    form = form_of(sig, link_error=t(2))

    assert form.tasks[1].tasks[0].options == ({"link_error": [t(1), t(2)]} if is_on else {})
    assert form.tasks[1].body.options == {"link_error": [t(1), t(2)]}
    assert form_of(form) == form


# --- laziness ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda it: group(it), lambda it: chord(it, t()), lambda it: a() | group(it) | t()])
def test_members_to_come_are_not_drawn(make: Callable[[Any], Any]) -> None:
    drawn: list[int] = []

    def members() -> Any:
        for number in range(2):
            drawn.append(number)
            yield group(a(number), chain(), b(number))

    form = form_of(make(members()), queue="q")

    assert drawn == []
    while not hasattr(form, "tasks") or isinstance(form, chain):
        form = form.tasks[-1]
    assert [shape(task) for task in form.tasks] == ["a0", "b0", "a1", "b1"]


def test_a_lazy_groups_members_get_what_it_was_given() -> None:
    sig = group(a(number) for number in range(2))
    form = form_of(sig | t(), 7, queue="q")

    assert [(task.args, task.options) for task in form.tasks] == [((7, 0), {"queue": "q"}), ((7, 1), {"queue": "q"})]
    assert [(task.args, task.options) for task in sig.tasks] == [((0,), {}), ((1,), {})]


# --- freezing ------------------------------------------------------------------------------------


def test_freezing_a_chain_names_every_step_and_links_the_results() -> None:
    sig = chain(a(), b(), t())

    result = sig.freeze("last", root_id="root", parent_id="parent")

    first, second, third = (task.id for task in sig.tasks)
    assert third == "last"
    assert result.as_tuple() == (("last", ((second, ((first, None), None)), None)), None)
    assert [task.root_id for task in sig.tasks] == ["root"] * 3
    assert [task.parent_id for task in sig.tasks] == ["parent", None, None]


def test_freezing_a_group_gives_members_their_places() -> None:
    sig = group(a(), group(b(), chain([t()])))

    result = sig.freeze("gid")

    assert (result.id, sig.id, [each.id for each in result.results]) == ("gid", "gid", [task.id for task in sig.tasks])
    assert [(task.options["group_id"], task.options["group_index"]) for task in sig.tasks] == [
        ("gid", 0), ("gid", 1), ("gid", 2),
    ]  # fmt: skip


def test_only_the_last_step_of_a_chain_has_a_place_in_a_group() -> None:
    sig = group(a() | b(), chord([a()], t()), a() | group(b(), b()))
    sig.freeze("gid")

    first, second, third = sig.tasks
    place = lambda task: (task.options.get("group_id"), task.options.get("group_index"))  # noqa: E731
    assert [place(task) for task in first.tasks] == [(None, None), ("gid", 0)]
    assert place(second.body) == ("gid", 1)
    assert place(second.tasks[0]) == (second.kwargs["header_id"], 0)
    assert [place(task) for task in third.tasks] == [(None, None), ("gid", 2)]
    assert place(third.tasks[1].tasks[1]) == (third.tasks[1].id, 1)


def test_freezing_a_chord_gives_the_bodys_result_after_the_headers() -> None:
    sig = a() | chord([b(), b()], t())

    result = sig.freeze("body")

    first, last = sig.tasks
    above = result.parent
    assert (result.id, last.body.id) == ("body", "body")
    assert above.id == last.kwargs["header_id"] == last.header.id
    assert [each.id for each in above.results] == [task.id for task in last.tasks]
    assert above.parent.id == first.id


def test_the_results_of_a_long_canvas_hold_every_id_once() -> None:
    sig = a() | group(b(), b()) | t() | group(b(), b()) | chord([a(), a()], t()) | a()
    names: list[str] = []

    def walk(node: Any) -> None:
        (name, above), members = node
        names.append(name)
        for each in ([above] if above else []) + (members or []):
            walk(each)

    walk(sig.freeze().as_tuple())

    assert len(names) == len(set(names)) == 13


MAKERS: list[Make] = [
    lambda: a() | b(),
    lambda: group(a(), a() | group(b(), b())),
    lambda: a() | group(b(), b()) | t() | group(b(), b()),
    lambda: chord([a() | group(b(), b())], group(b(), b()) | t()),
    lambda: group(a(number) for number in range(2)) | t(),
    lambda: chain([group([a() | group(b(), b())])]),
]


@pytest.mark.parametrize("make", MAKERS)
def test_freezing_again_changes_nothing_and_gives_equal_results(make: Make) -> None:
    sig = make()
    result = sig.freeze()
    before = sig.clone()

    again = sig.freeze("other", root_id=None)

    assert again.as_tuple() == result.as_tuple()
    assert sig == before
    assert canonical(sig) == canonical(before)


@pytest.mark.parametrize("make", MAKERS)
def test_a_frozen_one_has_its_ids_in_its_canonical_form(make: Make) -> None:
    sig = make()
    result = sig.freeze()
    form = canonical(sig.clone())

    assert form is not None
    assert form.freeze().as_tuple() == result.as_tuple()


def test_a_group_of_one_that_ends_in_a_group_has_that_groups_result() -> None:
    sig = group(a() | group(b(), b()))

    result = sig.freeze()

    assert [each.id for each in result.results] == [task.id for task in sig.tasks[0].tasks[1].tasks]


def test_an_empty_chain_has_no_result_and_an_empty_group_has_an_empty_one() -> None:
    assert chain().freeze() is None
    assert list(group().freeze()) == []
    assert list(chord([], t()).freeze().parent) == []


def test_freezing_leaves_no_arguments_to_be_given_twice() -> None:
    sig = group(a(2)).clone((1,))
    sig.freeze()

    assert shape(canonical(sig, (0,))) == "group(a012)"
