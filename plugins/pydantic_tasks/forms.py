"""Forms: how the models among the arguments of a call travel, from the call's check to its serializer.

The check knows the task, the serializer does not: it is given a value of the arguments at a time. Both run on the thread
that publishes, one right after the other, so the forms wait there, each for as many times as its model was found. So
a model that is handed to a task without models has none, and is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

UNKNOWN = (
    "a model travels as an argument or return value that is annotated with its class, of a task with pydantic=True; "
    "elsewhere pass model_dump(mode='json')"
)


@dataclass(frozen=True, slots=True)
class Form:
    """What is written for a model, or the reason why nothing is."""

    model: Any
    data: Any
    refusal: str = ""


class _Waiting(threading.local):
    """Of each thread: the forms of its latest call by the identity of their models, which they keep alive."""

    def __init__(self) -> None:
        self.forms: dict[int, list[Form]] = {}


_waiting = _Waiting()


def keep(forms: Iterable[Form]) -> None:
    """Have these ready, and no others."""
    waiting: dict[int, list[Form]] = {}
    for form in forms:
        waiting.setdefault(id(form.model), []).append(form)
    _waiting.forms = waiting


def take(model: Any) -> Any:
    """What is written for a model; raises `ValueError`, saying why nothing is."""
    forms = _waiting.forms.get(id(model))
    form = forms.pop() if forms else Form(model, None, UNKNOWN)
    if form.refusal:
        raise ValueError(form.refusal)
    return form.data
