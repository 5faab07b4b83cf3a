"""The fields of a crontab: their grammar, and the numbers they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, TypeAlias

from kernelq import KernelQError

Cronspec: TypeAlias = int | str | Iterable[int] | None
"""What a field may be given as: a number, text in the grammar, numbers, or None for ``*``."""

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_PART = re.compile(
    r"""(?: (?P<star>\*) | (?P<first>\w+) (?: -(?P<last>\w+) )? )   # what
        (?: (?P<slash>/) (?P<step>\w*) )?                            # every how many""",
    re.VERBOSE,
)
_NAMES = {(7, 0): ("weekday", WEEKDAYS), (12, 1): ("month", MONTHS)}
"""(how many numbers, the lowest) → what the names in such a field are, and the names from the lowest number on."""


class ParseException(KernelQError):
    """A field of a crontab that is not in the grammar: an empty part, an empty step, a negative number."""


class crontab_parser:
    """Understands one field of `max_` numbers from `min_` on: ``crontab_parser(60).parse("*/15") == {0, 15, 30, 45}``.

    A field is parts separated by commas; a part is ``*`` or a number or a range ``a-b``, the former and the latter with a
    step, ``/n``, if you like. A range whose end lies before its start wraps around. Months and weekdays may
    be names, of which the first three letters count.
    """

    ParseException: ClassVar[type[ParseException]] = ParseException

    def __init__(self, max_: int = 60, min_: int = 0) -> None:
        self.max_ = max_
        self.min_ = min_

    def parse(self, spec: str) -> set[int]:
        """The numbers a field stands for.

        Raises:
            ParseException: an empty part or step, or a negative number.
            ValueError: a number out of range, an unknown name, a step of 0 or after a single number.
        """
        return {number for part in spec.split(",") for number in self._part(part.strip())}

    def _part(self, part: str) -> Iterable[int]:
        if not part:
            raise ParseException("expected a number, a range or *, got an empty part")
        if part.startswith("-"):
            raise ParseException(f"expected no negative numbers, got {part!r}")
        found = _PART.fullmatch(part)
        if found is None:
            if re.search(r"/(?!\w)", part):
                raise ParseException(f"expected a positive number as step, got {part!r}")
            raise ValueError(f"expected a number, a range or *, got {part!r}")
        if found["slash"] and not found["step"]:
            raise ParseException(f"expected a number as step, got {part!r}")
        if found["slash"] and not (found["star"] or found["last"]):
            raise ValueError(f"expected a step after * or a range only, got {part!r}")
        numbers = self._range(found["first"], found["last"])
        return numbers[:: self._step(found["step"], part)] if found["slash"] else numbers

    def _range(self, first: str | None, last: str | None) -> list[int]:
        end = self.min_ + self.max_
        if first is None:
            return list(range(self.min_, end))
        start = self._number(first)
        stop = start if last is None else self._number(last)
        if stop < start:  # wraps around
            return [*range(start, end), *range(self.min_, stop + 1)]
        return list(range(start, stop + 1))

    def _number(self, word: str) -> int:
        number = int(word) if word.isdecimal() else self._named(word)
        if number >= self.min_ + self.max_:
            raise ValueError(f"invalid end range: expected at most {self.min_ + self.max_ - 1}, got {word!r}")
        if number < self.min_:
            raise ValueError(f"invalid beginning range: expected at least {self.min_}, got {word!r}")
        return number

    def _named(self, word: str) -> int:
        kind, names = _NAMES.get((self.max_, self.min_), ("weekday", ()))
        short = word[:3].lower()
        if short not in names:
            known = f" (known: {', '.join(names)})" if names else ", which is for days of the week only"
            raise ValueError(f"invalid {kind} literal {word!r}{known}")
        return names.index(short) + self.min_

    def _step(self, word: str, part: str) -> int:
        if not word.isdecimal() or int(word) == 0:
            raise ValueError(f"expected a step of at least 1, got {part!r}")
        return int(word)


def expand(spec: Cronspec, *, count: int, lowest: int, name: str) -> frozenset[int]:
    """The numbers of a field that has `count` of them from `lowest` on; `name` is for errors.

    Raises:
        ParseException, ValueError: as `crontab_parser.parse`.
        TypeError: neither a whole number, text, nor whole numbers.
    """
    parser = crontab_parser(count, lowest)
    if spec is None:
        spec = "*"
    if isinstance(spec, str):
        try:
            return frozenset(parser.parse(spec))
        except (ParseException, ValueError) as error:
            raise type(error)(f"{error} (field {name})") from None
    numbers = frozenset(_numbers(spec, name))
    wrong = sorted(number for number in numbers if not lowest <= number < lowest + count)
    if wrong or not numbers:
        raise ValueError(
            f"invalid crontab: expected {name} in the valid range {lowest}-{lowest + count - 1}, "
            f"got {', '.join(map(str, wrong)) or 'nothing'}"
        )
    return numbers


def text(spec: Cronspec) -> str:
    """A field as it is written in a crontab file, without blanks, so that five make a line."""
    if spec is None:
        return "*"
    if isinstance(spec, str):
        return "".join(spec.split())
    return str(spec) if isinstance(spec, int) else ",".join(map(str, sorted(spec)))


def _numbers(spec: int | Iterable[int], name: str) -> Iterator[int]:
    numbers = [spec] if isinstance(spec, int) else spec
    if not isinstance(numbers, Iterable) or isinstance(numbers, bytes):
        raise TypeError(f"expected {name} as a number, text, or numbers, got {spec!r}")
    for number in numbers:
        if not isinstance(number, int):
            raise TypeError(f"expected whole numbers as {name}, got {number!r}")
        yield int(number)
