"""Hints: the annotations of a function as types, and the models in them."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from types import GenericAlias
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel

log = logging.getLogger("kernelq.task")


def hints_of(run: Callable[..., Any], task_name: str, signature: inspect.Signature) -> dict[str, Any]:
    """The types of the parameters and of ``return``, by name; one that cannot be had is left out with a warning.

    Those of ``*args`` and ``**kwargs`` are made of the whole tuple and dict.
    """
    function = inspect.unwrap(run)
    function = getattr(function, "__func__", function)
    known: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        if name != "return" and name not in signature.parameters:
            continue  # the task itself
        try:
            known[name] = _type_of(annotation, getattr(function, "__globals__", {}))
        except Exception as error:  # noqa: BLE001  (an annotation is any expression)
            what = "return value" if name == "return" else f"argument {name!r}"
            log.warning(
                "task %s: the annotation %r of its %s cannot be resolved, so it is not validated: %s",
                task_name, annotation, what, error,
            )  # fmt: skip
    for name, parameter in signature.parameters.items():
        if name in known and parameter.kind is parameter.VAR_POSITIONAL:
            known[name] = GenericAlias(tuple, (known[name], ...))
        elif name in known and parameter.kind is parameter.VAR_KEYWORD:
            known[name] = GenericAlias(dict, (str, known[name]))
    return known


def models_in(hint: Any, within: tuple[Any, ...] = ()) -> set[type[BaseModel]]:
    """The classes of models that a type has in it, at any depth; `within` are the aliases that led there."""
    if type(hint).__name__ == "TypeAliasType":  # of typing from Python 3.12 on, of typing_extensions before
        return set() if hint in within else models_in(hint.__value__, (*within, hint))
    parts = get_args(hint)
    if not parts:
        return {hint} if isinstance(hint, type) and issubclass(hint, BaseModel) else set()
    if get_origin(hint) is type:
        return set()  # the class itself is wanted, not an instance
    return {model for part in parts for model in models_in(part, within)}


def _type_of(annotation: Any, names: dict[str, Any]) -> Any:
    def holder() -> None: ...

    # One at a time: a name that only type checkers import must not hide the others.
    holder.__annotations__ = {"it": annotation}
    return get_type_hints(holder, names, include_extras=True)["it"]
