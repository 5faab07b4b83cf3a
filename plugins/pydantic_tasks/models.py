"""The models of a task: which of its parameters hold some, and how they are read and dumped."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kernelq.serialization import has_type, register_type
from pydantic import BaseModel, ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from . import forms
from .hints import hints_of, models_in

if TYPE_CHECKING:
    from kernelq import Task

_ATOMS: frozenset[type] = frozenset({str, int, float, bool, type(None)})
"""Looked for first, for asking whether something is a model costs a microsecond."""


class Models:
    """Reads and dumps the models of one task; thread-safe."""

    def __init__(self, task: Task[..., Any], run: Callable[..., Any]) -> None:
        app_and_name = {"app": task.app, "task_name": task.name}
        self._strict = bool(getattr(task, "pydantic_strict", False))
        self._context: dict[str, Any] = {
            **(getattr(task, "pydantic_context", None) or {}),
            **{f"{system}_{key}": value for system in ("celery", "kernelq") for key, value in app_and_name.items()},
        }
        self._how: dict[str, Any] = {"mode": "json", **(getattr(task, "pydantic_dump_kwargs", None) or {})}
        self._signature = inspect.signature(run)
        hints = hints_of(run, task.name, self._signature)
        self._returned = tuple(models_in(hints.pop("return", None)))
        self._adapters = {name: _adapter(hint) for name, hint in hints.items() if models_in(hint)}
        if not has_type(BaseModel):  # else somebody has a form for all of them
            register_type(BaseModel, None, forms.take)

    def read(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with their models made.

        Raises:
            pydantic.ValidationError: they do not validate.
            TypeError: they do not fit the function.
        """
        bound = self._signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if name in self._adapters:
                bound.arguments[name] = self._validated(name, value)
        return bound.args, bound.kwargs

    def dump(self, value: Any) -> Any:
        """What a run returned, with the models that its annotation names dumped."""
        return _replaced(value, self._returned, self._dumped) if self._returned else value

    async def dump_later(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The same of what a coroutine will return."""
        return self.dump(await coroutine)

    def offer(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Let the serializer write the models among the arguments of a call that is about to be published."""
        try:
            arguments = self._signature.bind(*args, **kwargs).arguments
        except TypeError:
            return  # typing=False; the run will tell
        forms.keep(
            form for name, value in arguments.items() if name in self._adapters for form in self._forms(name, value)
        )

    def _forms(self, name: str, value: Any) -> Iterator[forms.Form]:
        dumped: list[forms.Form] = []

        def dump(model: BaseModel) -> Any:
            dumped.append(forms.Form(model, self._dumped(model)))
            return dumped[-1].data

        try:
            plain = _replaced(value, (BaseModel,), dump)
            if dumped and self._validated(name, plain) != self._validated(name, value):
                raise ValueError("what it is dumped to is read as another value")
        except Exception as error:  # noqa: BLE001  (validators and serializers are the user's code)
            reason = f"the task reads its argument {name!r} otherwise: {error}"
            for model in _models(value):
                yield forms.Form(model, None, reason)
        else:
            yield from dumped

    def _validated(self, name: str, value: Any) -> Any:
        try:
            return self._adapters[name].validate_python(value, strict=self._strict, context=self._context)
        except ValidationError as error:
            error.args = (str(error),)  # it has none, and they are what is stored of it
            raise

    def _dumped(self, model: BaseModel) -> Any:
        return model.model_dump(**self._how)


def _adapter(hint: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        # Something beside the model is of a class that pydantic does not know.
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))


def _replaced(value: Any, kinds: tuple[type[BaseModel], ...], dump: Callable[[BaseModel], Any]) -> Any:
    """A value with the models in it, in lists, tuples and dicts too, replaced by what `dump` makes of them."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        return {key: _replaced(item, kinds, dump) for key, item in value.items()}
    if kind is list:
        return [_replaced(item, kinds, dump) for item in value]
    if kind is tuple:
        return tuple(_replaced(item, kinds, dump) for item in value)
    return dump(value) if isinstance(value, kinds) else value


def _models(value: Any) -> list[BaseModel]:
    found: list[BaseModel] = []
    _replaced(value, (BaseModel,), found.append)
    return found
