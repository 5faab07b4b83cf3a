"""Failures as data: texts of exceptions, whatever their authors did to them."""

from __future__ import annotations

import msgspec
import pytest
from kernelq.failure import TEXT_LIMIT, TRACEBACK_LIMIT, bounded, describe, safe_text


class Mute(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt

    __repr__ = __str__


def test_a_text_is_what_str_makes_of_it() -> None:
    assert safe_text(ValueError("no")) == "no"
    assert safe_text(ValueError("no"), repr) == "ValueError('no')"


@pytest.mark.parametrize("make", [str, repr])
def test_what_has_no_text_is_named_with_what_went_wrong(make: type[str]) -> None:
    assert safe_text(Mute(), make) == f"<Mute: its {make.__name__} raised KeyboardInterrupt>"


def test_a_long_text_is_cut() -> None:
    text = safe_text("x" * 50_000_000)

    assert len(text) == TEXT_LIMIT
    assert text.endswith("x…")


def test_a_long_traceback_loses_its_middle() -> None:
    text = bounded("first\n" + "x" * 10_000_000 + "\nlast")

    assert len(text) < TRACEBACK_LIMIT + 100
    assert text.startswith("first\n")
    assert text.endswith("\nlast")
    assert "characters left out" in text


def test_a_short_traceback_is_left_as_it_is() -> None:
    assert bounded("short") == "short"


def test_an_exception_is_described_by_type_module_and_arguments() -> None:
    assert describe(ValueError("no", 1, None, 2.5)) == {
        "exc_type": "ValueError",
        "exc_module": "builtins",
        "exc_message": ["no", 1, None, 2.5],
    }


def test_arguments_that_may_not_be_serialisable_are_described_by_their_repr() -> None:
    error = ValueError({1}, float("nan"), float("inf"), Mute(), b"raw")

    described = describe(error)

    assert described["exc_message"] == ["{1}", "nan", "inf", "<Mute: its repr raised KeyboardInterrupt>", "b'raw'"]
    assert msgspec.json.encode(described)


def test_a_class_inside_a_function_is_described_by_its_qualified_name() -> None:
    class Local(Exception):
        pass

    assert describe(Local())["exc_type"].endswith("<locals>.Local")
