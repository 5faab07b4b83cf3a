"""An object that stands for another one, looked up at each use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Proxy:
    """Stands for what `find` gives; to `isinstance`, operators and pickle it is that object.

    `known` are attributes, of those that say what a function is, that need no looking up;
    with a `__class__` among them, whoever only looks what is there (a test runner, a documentation tool) finds without it, too.
    """

    __slots__ = ("_find", "_known")

    def __init__(self, find: Callable[[], Any], known: Mapping[str, Any] = {}) -> None:
        object.__setattr__(self, "_find", find)
        object.__setattr__(self, "_known", known)

    def _get_current_object(self) -> Any:
        """The object itself, as other libraries' proxies call it."""
        return self._find()

    @property  # type: ignore[misc]  # so that isinstance() sees what it stands for; type() still tells the proxy
    def __class__(self) -> type:
        return self._known["__class__"] if "__class__" in self._known else type(self._find())

    @property
    def __module__(self) -> Any:  # type: ignore[override]
        return self.__getattr__("__module__")

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return self.__getattr__("__doc__")

    def __getattr__(self, name: str) -> Any:
        known = self._known
        if name in known:
            return known[name]
        if name.startswith("__") and "__wrapped__" in known:
            raise AttributeError(f"{known['__wrapped__']!r} has no {name!r}")  # the tools again, which ask for anything
        return getattr(self._find(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._find(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._find(), name)

    def __dir__(self) -> list[str]:
        return dir(self._find())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._find()(*args, **kwargs)

    def __bool__(self) -> bool:
        return self._find() is not None

    def __eq__(self, other: object) -> bool:
        return bool(self._find() == (other._get_current_object() if type(other) is Proxy else other))

    def __hash__(self) -> int:
        return hash(self._find())

    def __or__(self, other: Any) -> Any:
        return self._find() | other

    def __getitem__(self, key: Any) -> Any:
        return self._find()[key]

    def __contains__(self, item: Any) -> bool:
        return item in self._find()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._find())

    def __enter__(self) -> Any:
        return self._find().__enter__()

    def __exit__(self, *about: Any) -> Any:
        return self._find().__exit__(*about)

    def __reduce__(self) -> Any:
        return self._find().__reduce__()

    def __repr__(self) -> str:
        return repr(self._find())
