"""The key of a call: the same work has the same key, rendered as celery-once renders it."""

from __future__ import annotations

import datetime
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernelq import KernelQ, QueueOnce

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=5
)  # fmt: skip


@pytest.fixture(scope="module")
def once() -> Any:
    with KernelQ("proj", broker="memory://", set_as_current=False) as app:

        def make(fun: Any, **options: Any) -> Any:
            return QueueOnce.from_function(app, fun, "example", options)

        yield make


def reference(name: str, arguments: dict[str, Any]) -> str:
    """The key as celery-once 3.0.1 makes it of bound arguments."""

    def forced(value: Any) -> Any:
        if isinstance(value, dict):
            pairs = sorted(value.items())
            ordered = OrderedDict((forced(key), forced(each)) for key, each in pairs)
            return "{" + ", ".join(str({key: each})[1:-1] for key, each in ordered.items()) + "}"
        return [forced(each) for each in value] if isinstance(value, list) else value

    return "_".join(["qo", name, *(f"{key}-{forced(value)}" for key, value in sorted(arguments.items()))])


def test_a_call_without_arguments_has_the_task_s_key(once):
    task = once(lambda: None)

    assert task.get_key() == "qo_example"


def test_arguments_are_sorted_by_name(once):
    def example(b, a): ...

    assert once(example).get_key((1, 2)) == "qo_example_a-2_b-1"


def test_positional_and_keyword_arguments_have_one_key(once):
    def example(a, b, c=3): ...

    task = once(example)

    assert task.get_key((1, 2)) == task.get_key((1,), {"b": 2}) == task.get_key((), {"b": 2, "a": 1})


def test_defaults_are_left_out(once):
    def example(a, b=2): ...

    task = once(example)

    assert task.get_key((1,)) == "qo_example_a-1"
    assert task.get_key((1, 2)) == "qo_example_a-1_b-2"


def test_a_bound_task_s_self_is_left_out(once):
    def example(self, a): ...

    assert once(example, bind=True).get_key((1,)) == "qo_example_a-1"


def test_the_keys_named_make_the_key(once):
    def example(a, b, c=3): ...

    assert once(example, once={"keys": ["a"]}).get_key((1, 2)) == "qo_example_a-1"
    assert once(example, once={"keys": ["c", "b"]}).get_key((1, 2)) == "qo_example_b-2_c-3"
    assert once(example, once={"keys": []}).get_key((1, 2)) == "qo_example"


def test_a_key_that_is_no_argument_is_an_error(once):
    def example(a, **more): ...

    task = once(example, once={"keys": ["site"]})

    with pytest.raises(KeyError, match="'site' in the keys of task example"):
        task.get_key((1,))


def test_values_are_rendered_as_a_worker_reads_them(once):
    def example(a): ...

    task = once(example)

    assert task.get_key(((1, 2),)) == "qo_example_a-(1, 2)"
    assert task.get_key(([0, 1],)) == "qo_example_a-[0, 1]"
    assert task.get_key((datetime.date(2030, 1, 2),)) == "qo_example_a-2030-01-02"


def test_a_long_key_is_cut_and_told_by_its_digest(once):
    def example(a): ...

    task = once(example)
    one, other = task.get_key(("x" * 1000 + "1",)), task.get_key(("x" * 1000 + "2",))

    assert one != other
    assert len(one) == len(other) == 200
    assert one.startswith("qo_example_a-xxx")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # which measures the machine
@given(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4))
def test_keys_are_those_of_celery_once(once, arguments):
    def example(a=0, b=0, c=0, d=0): ...

    expected = reference("example", arguments).replace("\0", "\\0")
    found = once(example).get_key((), arguments)

    assert found == expected if len(expected) <= 200 else found.startswith(expected[:100])


@given(VALUES, VALUES)
def test_the_order_of_a_mapping_does_not_matter(once, one, other):
    def example(a): ...

    task = once(example)

    assert task.get_key(({"x": one, "y": other},)) == task.get_key(({"y": other, "x": one},))
