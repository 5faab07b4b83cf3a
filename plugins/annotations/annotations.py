"""Annotations of an app: what the setting says of a task, and changing the task."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kernelq import KernelQ
from kernelq.contracts import ImproperlyConfigured, StashKey

if TYPE_CHECKING:
    from kernelq import Task

EVERY = "*"
AROUND = "@"


class Annotations:
    """What the setting says, ready to be asked about tasks."""

    def __init__(self, given: Any) -> None:
        self.given = given
        self._sources = [_source(one) for one in (given if isinstance(given, list | tuple) else [given])]

    def of(self, task: Task[..., Any]) -> Iterator[Mapping[str, Any]]:
        """The attributes for a task: those of its name, then those for every task."""
        yield from _first(self._sources, "annotate", task)
        yield from _first(self._sources, "annotate_any")


class _ByName:
    """A mapping of task name to attributes."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self._attributes = attributes

    def annotate(self, task: Task[..., Any]) -> Any:
        return self._attributes.get(task.name)

    def annotate_any(self) -> Any:
        return self._attributes.get(EVERY)


_KEY: StashKey[Annotations] = StashKey()


def annotations_of(app: KernelQ, given: Any) -> Annotations:
    """The annotations of an app, made of its setting once.

    Raises:
        ImproperlyConfigured: the setting cannot be used.
    """
    known = app.stash.get(_KEY, None)
    if known is None or known.given is not given:
        known = app.stash[_KEY] = Annotations(given)
    return known


def change(task: Task[..., Any], attributes: Mapping[str, Any]) -> None:
    """Give a task other attributes: it becomes the one object of a class of its own, so that functions are its methods."""
    cls = type(task)
    given = dict(_attribute(cls, name, value) for name, value in attributes.items())
    for name in given:
        vars(task).pop(name, None)  # what was set on the object would hide it
    about = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
    task.__class__ = type(cls.__name__, (cls,), {**about, **given})
    task.bind(task.app)  # looks anew at which handlers it has, at its limits and its arguments


def _attribute(cls: type, name: str, value: Any) -> tuple[str, Any]:
    if not name.startswith(AROUND):
        return name, value
    name = name.removeprefix(AROUND)
    changed = value(getattr(cls, name))
    return name, staticmethod(changed) if isinstance(inspect.getattr_static(cls, name), staticmethod) else changed


def _first(sources: Sequence[Any], method: str, *about: Any) -> Iterator[Mapping[str, Any]]:
    """The first answer of the sources, if there is one."""
    for source in sources:
        answer = getattr(source, method)(*about) if hasattr(source, method) else None
        if answer is None:
            continue
        if not isinstance(answer, Mapping):
            whose = f"task {about[0].name!r}" if about else "every task"
            raise ImproperlyConfigured(
                f"expected a mapping of attributes for {whose}, got {answer!r} (setting task_annotations)"
            )
        yield answer
        return


def _source(given: Any) -> Any:
    if isinstance(given, str):
        found = _imported(given)
        given = found() if callable(found) else found
    if isinstance(given, Mapping):
        return _ByName(given)
    if hasattr(given, "annotate") or hasattr(given, "annotate_any"):
        return given
    raise ImproperlyConfigured(
        "expected a mapping of task name to attributes, an object with annotate(task) or annotate_any(), or the name of "
        f"one, got {given!r} (setting task_annotations)"
    )


def _imported(name: str) -> Any:
    module, _, attribute = name.replace(":", ".").rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(f"cannot import {name!r}: {error} (setting task_annotations)") from error
