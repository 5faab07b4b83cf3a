"""Stamps: what who composes calls writes on them."""

from __future__ import annotations

from typing import Any

import pytest
from kernelq import KernelQ, Signature, StampingVisitor, chain, chord, group, signature
from kernelq_plugins.canvas.composing import canonical
from kernelq_plugins.canvas.steps import call_options
from shapes import shape


def a(*args: Any) -> Signature[Any]:
    return signature("a", args)


def b(*args: Any) -> Signature[Any]:
    return signature("b", args)


def stamps_of(sig: Any) -> dict[str, Any]:
    return {name: sig.options[name] for name in sig.options.get("stamped_headers", ())}


class Noting(StampingVisitor):
    """Notes what it sees, and gives each part a stamp of its kind."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def note(self, hook: str, sig: Any) -> dict[str, Any]:
        self.seen.append((hook, shape(sig)))
        return {hook: True}

    def on_signature(self, sig: Any, **stamps: Any) -> dict[str, Any]:
        return {**self.note("task", sig), "priority": 5, "stamped_headers": ["task"]}

    def on_group_start(self, sig: Any, **stamps: Any) -> dict[str, Any]:
        return self.note("group", sig)

    def on_group_end(self, sig: Any, **stamps: Any) -> None:
        self.note("group end", sig)

    def on_chain_start(self, sig: Any, **stamps: Any) -> dict[str, Any]:
        return self.note("chain", sig)

    def on_chain_end(self, sig: Any, **stamps: Any) -> None:
        self.note("chain end", sig)

    def on_chord_body(self, sig: Any, **stamps: Any) -> dict[str, Any]:
        return self.note("body", sig)

    def on_callback(self, callback: Any, **stamps: Any) -> dict[str, Any]:
        return self.note("callback", callback)

    def on_errback(self, errback: Any, **stamps: Any) -> dict[str, Any]:
        return self.note("errback", errback)


def test_a_stamp_is_an_option_that_is_listed() -> None:
    sig = a()

    assert sig.stamp(by="me", why=[1]) is sig
    assert sig.options == {"by": "me", "why": [1], "stamped_headers": ["by", "why"]}


def test_a_later_stamp_takes_the_place_of_an_earlier_one_or_joins_it() -> None:
    assert stamps_of(a().stamp(by="me").stamp(by="you")) == {"by": "you"}
    assert stamps_of(a().stamp(by="me").stamp(append_stamps=True, by="you")) == {"by": ["you", "me"]}
    assert stamps_of(a().stamp(by="me").stamp(append_stamps=True, by=["x"], z=1)) == {"by": ["x", "me"], "z": 1}
    assert stamps_of(a().stamp(by="me").stamp(z=1)) == {"z": 1, "by": "me"}


def test_options_of_a_call_leave_stamps_alone() -> None:
    sig = a().stamp(by="me").clone(by="you", z=1, stamped_headers=["by", "x", "z"], queue="q")

    assert (stamps_of(sig), sig.options["queue"]) == ({"by": "me", "z": 1}, "q")


def test_a_running_call_can_be_stamped_further(app: KernelQ) -> None:
    sig = app.signature("a", (), stamps={"by": "me"}, stamped_headers=("by",))

    options = call_options(sig.stamp(z=1))

    assert (options["stamps"], options["stamped_headers"]) == ({"by": "me", "z": 1}, ("z", "by"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: chain(a(), b()),
        lambda: group(a(), b()),
        lambda: chord([a()], b()),
        lambda: group(each for each in [a(), b()]),
    ],
)
def test_every_part_is_stamped(make: Any) -> None:
    sig = make().stamp(by="me")

    parts = [*sig.tasks, *([sig.body] if isinstance(sig, chord) else [])]
    assert [stamps_of(part) for part in parts] == [{"by": "me"}] * 2


def test_links_are_stamped_too() -> None:
    sig = a().set(link=b(1), link_error=[dict(b(2))]).stamp(by="me")

    assert stamps_of(sig.options["link"]) == {"by": "me"}
    assert stamps_of(sig.options["link_error"][0]) == {"by": "me"}
    alone = a().set(link=b(1))
    alone.stamp_links(None, by="me")
    assert (stamps_of(alone), stamps_of(alone.options["link"])) == ({}, {"by": "me"})


def test_a_visitor_sees_every_part_in_order() -> None:
    first = a()
    first.link(b(1))
    first.link_error(b(2))
    visitor = Noting()

    sig = first | group(a(3), b(3)) | b(4)
    sig.stamp(visitor, by="me")

    assert visitor.seen == [
        ("chain", "chain(a, chord([a3, b3], b4))"),
        ("callback", "b1"), ("task", "b1"), ("errback", "b2"), ("task", "b2"), ("task", "a"),
        ("group", "group(a3, b3)"), ("task", "a3"), ("task", "b3"), ("group end", "group(a3, b3)"),
        ("body", "chord([a3, b3], b4)"), ("task", "b4"), ("chain end", "chain(a, chord([a3, b3], b4))"),
    ]  # fmt: skip


def test_what_a_visitor_gives_a_whole_is_for_its_parts() -> None:
    sig = (a() | group(a(3), b(3)) | b(4)).stamp(Noting(), by="me")

    first, last = sig.tasks
    whole = {"by": "me", "chain": True, "task": True}
    assert stamps_of(first) == whole
    assert stamps_of(last.tasks[0]) == {**whole, "group": True}
    assert stamps_of(last.body) == {**whole, "group": True, "body": True}


def test_what_a_visitor_gives_and_does_not_list_is_an_option() -> None:
    sig = a().stamp(Noting())

    assert sig.options == {"task": True, "priority": 5, "stamped_headers": ["task"]}


def test_a_visitor_must_say_what_tasks_get() -> None:
    with pytest.raises(TypeError, match="abstract"):
        StampingVisitor()  # type: ignore[abstract]


def test_a_visitor_may_say_nothing_of_the_rest() -> None:
    class Plain(StampingVisitor):
        def on_signature(self, sig: Any, **stamps: Any) -> None:
            return None

    sig = group(a() | b(), chord([a().set(link=b(), link_error=b())], b())).stamp(Plain(), by="me")

    assert stamps_of(sig.tasks[1].tasks[0].options["link"]) == {"by": "me"}


def test_a_lazy_groups_members_are_stamped_when_they_are_drawn() -> None:
    drawn: list[int] = []
    members = (drawn.append(number) or a(number) for number in range(2))  # type: ignore[func-returns-value]

    sig = group(members).stamp(by="me")

    assert drawn == []
    assert [stamps_of(task) for task in sig.tasks] == [{"by": "me"}] * 2


def test_stamps_travel_with_the_message(app: KernelQ, lane: Any) -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="look")
    def look(self: Any) -> None:
        seen.append((self.request.stamps, list(self.request.stamped_headers)))

    look.s().stamp(by="me", why=[1]).delay()
    look.s().apply_async(by="me", stamped_headers=["by"])
    app.signature("look").stamp(by="me").apply_async()
    look.s().stamp(by="me").apply()
    lane.run_all()

    assert seen == [({"by": "me"}, ["by"]), *[({"by": "me", "why": [1]}, ["by", "why"])], *[({"by": "me"}, ["by"])] * 2]


def test_stamps_are_kept_in_canonical_form() -> None:
    sig = (a() | group(b(), b())).stamp(by="me")

    form = canonical(sig, (), None, {"queue": "q"})

    assert form is not None
    assert stamps_of(form.kwargs["tasks"][0]) == {"by": "me"}


def test_a_replacement_gets_the_stamps_it_does_not_have(app: KernelQ) -> None:
    seen: list[Any] = []

    @app.task(bind=True, name="look")
    def look(self: Any, *args: Any) -> None:
        seen.append(self.request.stamps)

    @app.task(bind=True, name="swap")
    def swap(self: Any) -> Any:
        return self.replace(look.s() | look.s().stamp(by="you"))

    swap.s().stamp(by="me", why=1).apply()

    assert seen == [{"by": "me", "why": 1}, {"by": "you", "why": 1}]
