"""Routes: the setting `task_routes`, in every form it may have, as a row of routers; the first answer counts."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, TypeAlias

from kernelq.contracts import ImproperlyConfigured

from .queue import Queue

Route: TypeAlias = Mapping[str, Any]
"""Options of a call, among them where it goes."""
Find: TypeAlias = Callable[[str, Any, Any, Mapping[str, Any], Any], "Route | None"]
"""(name, args, kwargs, options, task) → its route."""

NO_ROUTE: Route = {}

OPTIONS = frozenset({
    "queue", "exchange", "exchange_type", "routing_key", "priority", "serializer", "compression", "delivery_mode", "mandatory",
    "countdown", "eta", "expires", "time_limit", "soft_time_limit", "ignore_result", "headers", "shadow", "reply_to", "retry",
    "retry_policy", "link", "link_error", "add_to_parent", "argsrepr", "kwargsrepr",
})  # fmt: skip
"""What a route may hold."""

MOST_REMEMBERED = 10_000
"""Names of tasks whose routes are kept; more than that come from somebody who makes names up."""


class Routes:
    """Routers in their order. What depends on a task's name alone is looked up once for each name."""

    def __init__(self, setting: Any) -> None:
        self._routers: tuple[Find, ...] = tuple(_routers(setting))
        self._is_fixed = all(isinstance(router, Map) for router in self._routers)
        self._known: dict[str, Route] = {}

    def __bool__(self) -> bool:
        return bool(self._routers)

    def find(self, name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Any) -> Route:
        """The route of a call; empty when there is none."""
        if not self._is_fixed:
            return self._ask(name, args, kwargs, options, task)
        found = self._known.get(name)
        if found is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known = {}
            found = self._known[name] = self._ask(name, args, kwargs, options, task)
        return found

    def _ask(self, *call: Any) -> Route:
        found = (router(*call) for router in self._routers)
        return next((route for route in found if route is not None), NO_ROUTE)


class Map:
    """Names, globs and regular expressions → routes: an exact name first, then patterns in their order."""

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        self._names: dict[str, Route] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        for key, value in pairs:
            where = f"task_routes[{getattr(key, 'pattern', key)!r}]"
            if isinstance(key, re.Pattern):
                self._patterns.append((key, route_of(value, where)))
            elif not isinstance(key, str):
                raise ImproperlyConfigured(
                    f"expected the name of a task, a glob with * or a compiled regular expression, got {key!r} (task_routes)"
                )
            elif "*" in key:
                self._patterns.append((re.compile(fnmatch.translate(key)), route_of(value, where)))
            else:
                self._names[key] = route_of(value, where)

    def __call__(self, name: str, *_: Any) -> Route | None:
        found = self._names.get(name)
        if found is not None:
            return found
        return next((route for pattern, route in self._patterns if pattern.match(name)), None)


def route_of(given: Any, where: str) -> Route:
    """A route as it is written: a queue, or options; raises `ImproperlyConfigured`, saying `where`."""
    if isinstance(given, str) or _is_queue(given):
        if not given:
            raise ImproperlyConfigured(f"{where} names no queue")
        return {"queue": given}
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"expected {where} to be the name of a queue or a mapping of options, got {given!r}")
    if unknown := sorted(str(option) for option in given if option not in OPTIONS):
        raise ImproperlyConfigured(
            f"{where} has the unknown option {unknown[0]!r} (known: {', '.join(sorted(OPTIONS))})"
        )
    return dict(given)


def _routers(setting: Any) -> list[Find]:
    if setting is None:
        return []
    if not isinstance(setting, list | tuple):
        return _router(setting)
    if setting and all(_is_pair(each) for each in setting):
        return [Map(setting)]
    return [router for each in setting for router in _router(each)]


def _router(given: Any) -> list[Find]:
    if isinstance(given, Mapping):
        return [Map(given.items())]
    if isinstance(given, list | tuple):
        if not all(_is_pair(each) for each in given):
            raise ImproperlyConfigured(f"expected pairs of a pattern and a route in the list {given!r} (task_routes)")
        return [Map(given)]
    if isinstance(given, str):
        found = _imported(given)
        return _routers(found) if isinstance(found, Mapping | list | tuple) else [_asked(found, given)]
    return [_asked(given, getattr(given, "__qualname__", None) or repr(given))]


def _asked(given: Any, name: str) -> Find:
    """A router of the user's own: a function, or a class or an object with `route_for_task`."""
    if isinstance(given, type) and hasattr(given, "route_for_task"):
        given = given()
    ask = getattr(given, "route_for_task", None)
    if ask is None and not callable(given):
        raise ImproperlyConfigured(
            f"expected a mapping, a list, a function, an object with route_for_task, or the dotted name of one, got {given!r} "
            "(task_routes)"
        )

    def find(task_name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Any) -> Route | None:
        if ask is not None:
            answer = ask(task_name, args, kwargs)
        else:
            answer = given(task_name, args, kwargs, dict(options), task=task)
        return None if answer is None else route_of(answer, f"the answer of the router {name} for {task_name}")

    return find


def _imported(path: str) -> Any:
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(f"cannot import the router {path!r}: {error} (task_routes)") from error


def _is_pair(given: Any) -> bool:
    return (
        isinstance(given, list | tuple)
        and len(given) == 2
        and isinstance(given[0], str | re.Pattern)
        and (isinstance(given[1], str | Mapping) or _is_queue(given[1]))
    )


def _is_queue(given: Any) -> bool:
    return isinstance(given, Queue) or all(hasattr(given, name) for name in ("name", "exchange", "routing_key"))
