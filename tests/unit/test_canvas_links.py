"""Links of chains, groups and chords: whose they are."""

from __future__ import annotations

from typing import Any

import pytest
from kernelq import Signature, chain, chord, group, signature


def a(*args: Any) -> Signature[Any]:
    return signature("a", args)


def b(*args: Any) -> Signature[Any]:
    return signature("b", args)


def t(*args: Any) -> Signature[Any]:
    return signature("t", args)


def test_the_links_of_a_chain_are_its_own() -> None:
    sig = chain(a(), b())

    assert sig.link(t(1)) == t(1)
    assert sig.on_error(t(2)) is sig
    assert sig.options == {"link": [t(1)], "link_error": [t(2)]}


def test_a_link_of_a_group_is_called_by_its_first_member_without_a_value() -> None:
    sig = group(a(), b())

    assert sig.link(t(1)) == t(1)

    assert [task.options for task in sig.tasks] == [{"link": [t(1).set(immutable=True)]}, {}]


def test_an_error_callback_of_a_group_is_called_by_each_member() -> None:
    sig = group(a(), b())

    assert sig.link_error(t(1)) == t(1)

    assert [task.options for task in sig.tasks] == [{"link_error": [t(1)]}] * 2


def test_links_of_a_chord_are_its_bodys() -> None:
    sig = chord([a()], t())

    sig.link(b(1))
    sig.on_error(b(2))

    assert sig.body.options == {"link": [b(1)], "link_error": [b(2)]}
    assert sig.tasks[0].options == {}


def test_a_group_refuses_links_in_its_call() -> None:
    for name in ("link", "link_error"):
        with pytest.raises(TypeError, match=f"cannot add the option {name} in the call of a group"):
            group(a()).apply_async(**{name: t()})


def test_a_chord_without_a_body_says_so() -> None:
    for call in (lambda sig: sig.apply_async(), lambda sig: sig(), lambda sig: sig.link(t()), lambda sig: sig.apply()):
        with pytest.raises(TypeError, match="give it a body: chord\\(header, body\\)"):
            call(chord([a()]))
