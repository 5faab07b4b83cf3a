"""Laws that hold for every canvas."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from kernelq import chain, chord, chunks, group, signature
from kernelq_plugins.canvas.composing import canonical

arguments = st.lists(st.integers() | st.text(max_size=3) | st.tuples(st.integers()), max_size=2)
options = st.fixed_dictionaries({}, optional={"queue": st.just("q"), "countdown": st.integers(1, 9)})
tasks = st.builds(
    lambda name, args, kwargs, options, immutable: signature(name, tuple(args), kwargs, options, immutable=immutable),
    st.sampled_from(["proj.a", "proj.b"]),
    arguments,
    st.dictionaries(st.sampled_from("xy"), st.integers(), max_size=1),
    options,
    st.booleans(),
)


def wholes(parts: Any) -> Any:
    """Canvases made of these, built as they are and composed."""
    lists = st.lists(parts, max_size=3)
    return st.one_of(
        st.builds(lambda tasks, options: chain.build({"tasks": tasks}, options=options), lists, options),
        st.builds(lambda tasks, options: group(tasks, **options), lists, options),
        st.builds(chord, lists, parts),
        st.builds(lambda task, it: chunks(task, it, 2), tasks, st.lists(st.tuples(st.integers()), max_size=3)),
        st.builds(lambda tasks: chain(tasks), lists),
        st.builds(lambda left, right: left | right, parts, parts),
    )


canvases = st.recursive(tasks, wholes, max_leaves=12)
QUICK = settings(max_examples=150, deadline=None)


def is_canonical(form: Any) -> bool:
    if isinstance(form, chain):
        *before, last = form.tasks
        return (
            bool(before)
            and all(not isinstance(step, chain | group) and is_canonical(step) for step in before)
            and not isinstance(last, chain)
            and is_canonical(last)
        )
    if isinstance(form, group):
        return all(not isinstance(task, group) and is_canonical(task) for task in form.tasks)
    if isinstance(form, chord):
        header = form.kwargs["header"]
        return isinstance(header, group) and is_canonical(header) and is_canonical(form.body)
    return form.subtask_type is None


def leaves(result: Any) -> Any:
    return [leaf.id for leaf in result.leaves()]


@QUICK
@given(canvases)
def test_json_gives_back_an_equal_one(sig: Any) -> None:
    again = signature(json.loads(json.dumps(sig)))

    assert again == sig
    assert canonical(again) == canonical(sig)


@QUICK
@given(canvases, arguments, options)
def test_the_canonical_form_is_canonical_and_its_own(sig: Any, args: Any, given_options: Any) -> None:
    before = sig.clone()

    form = canonical(sig, args, {"k": 1}, given_options)

    assert sig == before
    if form is not None:
        assert is_canonical(form)
        assert canonical(form) == form


@QUICK
@given(canvases, arguments)
def test_arguments_may_be_given_before_or_at_the_call(sig: Any, args: Any) -> None:
    assert canonical(sig.clone(args)) == canonical(sig, args)


@QUICK
@given(canvases)
def test_freezing_twice_is_freezing_once(sig: Any) -> None:
    result = sig.freeze()
    frozen = sig.clone()

    again = sig.freeze()

    assert sig == frozen
    if result is not None:
        assert (again.as_tuple(), leaves(again)) == (result.as_tuple(), leaves(result))


@QUICK
@given(st.lists(tasks, max_size=3), st.lists(tasks, max_size=3), st.lists(tasks, max_size=3))
def test_groups_in_groups_are_flattened_in_order(first: Any, second: Any, third: Any) -> None:
    nested = group([*first, group([*second, group(third)])])

    assert canonical(nested) == canonical(group([*first, *second, *third]))


@QUICK
@given(st.lists(tasks, max_size=3), st.lists(tasks, max_size=3), st.lists(tasks, max_size=3))
def test_chains_in_chains_are_flattened_in_order(first: Any, second: Any, third: Any) -> None:
    nested = chain.build({"tasks": [*first, chain.build({"tasks": [*second, chain.build({"tasks": third})]})]})

    assert canonical(nested) == canonical(chain([*first, *second, *third]))


@QUICK
@given(tasks, tasks, tasks)
def test_composing_tasks_is_associative(first: Any, second: Any, third: Any) -> None:
    assert (first | second) | third == first | (second | third) == chain(first, second, third)
