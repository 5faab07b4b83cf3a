"""Tasks with models: arguments and return values that are models of pydantic, by ``pydantic=True``.

    class Order(BaseModel):
        item: str
        count: int = 1

    @app.task(pydantic=True)
    def place(order: Order, notify: list[Address] | None = None) -> Receipt:
        ...

    place.delay({"item": "tea", "count": 2})     # a dict, validated where it runs
    place.delay(Order(item="tea"))               # or the model, which travels as one

Install: ``pip install 'kernelq[pydantic]'``, where such tasks are defined. Options of the task: `pydantic`;
`pydantic_strict` (default False), `pydantic_context` (a dict) and `pydantic_dump_kwargs` (default ``mode="json"``) are given to
pydantic. The context has also the app as ``kernelq_app`` and the task's name as ``kernelq_task_name``; both too with
``celery`` for ``kernelq``.

Arguments whose annotation is a model or has one in it (optional, unions, lists, dicts, ``Annotated``, ``*args``, generic models;
as text too) are validated and become models before the function sees them, whether a worker runs the task or you call it.
What does not validate is the task's failure, a `pydantic.ValidationError`. Other arguments are left alone. A value
returned that is a model of the annotated class, or a list, tuple or dict of such, is dumped.

A caller's models are dumped when what the worker will read is equal to them, so that nothing gets lost: an instance
of a subclass with a field more is refused by `EncodeError`, as is any model in a call of a task without ``pydantic=True``. A class with
``__json__`` or a type registered by `kernelq.serialization.register_type` keeps its own form, and pickle takes models as they are.

Guarantee: a task without the option pays nothing, and pydantic is not imported for it.

What it does not do: validate what is no model, such as ``count: int``; find names that only type checkers import (it warns).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelq import hookimpl

if TYPE_CHECKING:
    from kernelq import Task


@hookimpl
def task_registered(task: Task[..., Any]) -> None:
    """Put the validation around the task's function."""
    if getattr(task, "pydantic", False):
        from .validating import validate

        validate(task)
