"""The app: configuration, tasks, plugins and drivers of one project. The only object users must hold."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, overload

from . import _api, drivers
from .config import Config
from .errors import ImproperlyConfigured, NoBackend
from .stash import Stash
from .task import Task
from .tasks import TaskRegistry, name_of

if TYPE_CHECKING:
    from kernelq import AsyncResult
    from kernelq_plugins._offered import AppMethods

    from .broker import Broker
    from .codecs import Compressor, Serializer
    from .engine import Engine
    from .publish import Publisher
    from .registry import Registry
    from .settings import Option
    from .store import Backend
else:
    AppMethods = object

P = ParamSpec("P")
R = TypeVar("R")

EMBEDDED_URL = "sqlite:///kernelq.sqlite3"
"""The broker and result backend of an app that names no broker: one file in the working directory."""

_apps: list[weakref.ref[KernelQ]] = []
_local = threading.local()


class KernelQ(AppMethods):
    """A project's tasks and how they travel. Plugins add methods: `Worker`, `AsyncResult`, `autodiscover_tasks`, ….

    `main` stands for ``__main__`` in task names. `broker` and `backend` are URLs; without a broker one SQLite file in the
    working directory is both. `task_cls` is the base class of tasks. Every other keyword is a setting.
    Configuration, plugins and connections wait until they are needed.
    """

    task_cls: type[Task[..., Any]] = Task
    _default: KernelQ | None = None
    _latest: weakref.ref[KernelQ] | None = None

    def __init__(
        self,
        main: str | None = None,
        *,
        broker: str | None = None,
        backend: str | None = None,
        include: Sequence[str] | None = None,
        config_source: Any = None,
        config_source_silent: bool = False,
        namespace: str | None = None,
        set_as_current: bool = True,
        task_cls: type[Task[..., Any]] | str | None = None,
        strict_typing: bool = True,
        autofinalize: bool = True,
        changes: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.main = main
        self.autofinalize = autofinalize
        self.strict_typing = strict_typing
        base: Any = task_cls or self.task_cls
        self.Task: type[Task[..., Any]] = _api.load(base) if isinstance(base, str) else base
        self.stash = Stash()
        self.steps: dict[str, set[type[Any]]] = {"worker": set(), "consumer": set()}
        self.conf = Config(self)
        self.finalized = False
        self._lock = threading.RLock()
        self._plugins: Registry | None = None
        self.disabled: tuple[str, ...] = ()
        self._extra_plugins: list[tuple[object, str | None]] = []
        self._tasks = TaskRegistry()
        self._engines: dict[str, Engine] = {}
        self.serializers: dict[str, Serializer] = {}
        self.compressors: dict[str, Compressor] = {}  # those in use, by name and by content type
        self._broker: Broker | None = None
        self._backend: Backend | None = None
        named = {"broker_url": broker, "result_backend": backend, "include": include}
        for name, value in {**named, **(changes or {}), **settings}.items():
            if value is not None:
                self.conf.layers.set(name, value)
        if config_source is not None:
            self.config_from_object(config_source, config_source_silent, namespace=namespace)
        _apps.append(weakref.ref(self))
        if set_as_current:
            self.set_current()

    # --- configuration

    def config_from_object(
        self, obj: Any, silent: bool = False, force: bool = False, namespace: str | None = None
    ) -> None:
        """Take settings from a module, class, mapping or dotted name; read on first need, or now with `force`."""
        self.conf.layers.take_source(obj, namespace, silent=silent, force=force)

    def options(self) -> Mapping[str, Option]:
        """Every declared setting by name: the kernel's and the plugins'."""
        from .settings import KERNEL_SETTINGS

        known = dict(KERNEL_SETTINGS)
        offers: list[Sequence[Option]] = self.plugins.hook.settings()
        for option in (option for offer in offers for option in offer):
            if known.setdefault(option.name, option) != option:
                raise ImproperlyConfigured(f"the setting {option.name!r} is declared twice")
        return known

    # --- publishing, plugins and drivers

    @cached_property
    def publisher(self) -> Publisher:
        """What makes messages of calls; made, and imported with all it needs, at the first call."""
        from .publish import Publisher

        return Publisher(self)

    @property
    def plugins(self) -> Registry:
        """The plugins, loaded on first use."""
        if self._plugins is None:
            with self._lock:
                if self._plugins is None:
                    self._load_plugins()
        assert self._plugins is not None
        return self._plugins

    @property
    def has_plugins(self) -> bool:
        """Whether the plugins are loaded already."""
        return self._plugins is not None

    def _load_plugins(self) -> None:
        from .registry import Registry

        early = self.conf.layers.early
        registry = Registry()
        self.disabled = early("disable_plugins")
        registry.load(early("plugins"), self.disabled)
        for plugin, name in self._extra_plugins:
            registry.register(plugin, name)
        self._plugins = registry

    def register_plugin(self, plugin: object, name: str | None = None) -> None:
        """Add a module or object with hookimpls; see `Registry.register` for what it raises."""
        self._extra_plugins.append((plugin, name))
        if self._plugins is not None:
            self._plugins.register(plugin, name)
            self.conf.layers.changed()

    def engine(self, url: str) -> Engine:
        """The engine behind a URL; the same object for every URL of one server or file."""
        with self._lock:
            made: Engine | None = self.plugins.hook.make_engine(app=self, url=url)
            if made is not None:
                return self._engines.setdefault(url, made)
            driver = drivers.load_for_url("engine", url, disabled=self.disabled)
            key = f"{driver.family}:{driver.canonical(url)}"
            if key not in self._engines:
                self._engines[key] = engine = driver(url)
                engine.connect_timeout = self.conf.broker_connection_timeout
            return self._engines[key]

    @property
    def broker(self) -> Broker:
        """The broker, made on first use."""
        if self._broker is None:
            with self._lock:
                self._broker = self._broker or self._driver("broker", self.broker_url)
        return self._broker

    @property
    def backend(self) -> Backend:
        """The result backend, made on first use; raises `NoBackend` when none is configured."""
        if self._backend is None:
            if self.backend_url is None:
                raise NoBackend(
                    "no result backend is configured, so no result can be had; set result_backend, "
                    "for example to the URL of the broker"
                )
            with self._lock:
                self._backend = self._backend or self._driver("backend", self.backend_url)
                self._backend.app = self
        return self._backend

    @property
    def broker_url(self) -> str:
        """The URL of the broker: the setting, or the embedded one."""
        return self.conf.broker_url or EMBEDDED_URL

    @property
    def backend_url(self) -> str | None:
        """The URL of the result backend; None when there is none."""
        url: str | None = self.conf.result_backend
        if url in ("", "disabled", "disabled://"):
            return None
        return url or (None if self.conf.broker_url else EMBEDDED_URL)

    def _driver(self, kind: str, url: str) -> Any:
        made = getattr(self.plugins.hook, f"make_{kind}")(app=self, url=url)
        return drivers.load_for_url(kind, url, disabled=self.disabled)(self, url) if made is None else made

    def serializer(self, name: str) -> Serializer:
        """The serializer of a name or content type, made on first use; raises `DriverNotFound`."""
        return self.serializers.get(name) or self._codec("serializer", name, self.serializers)

    def compressor(self, name: str) -> Compressor:
        """The compressor of a name or content type, made on first use; raises `DriverNotFound`."""
        return self.compressors.get(name) or self._codec("compressor", name, self.compressors)

    def _codec(self, kind: str, name: str, known: dict[str, Any]) -> Any:
        made = getattr(self.plugins.hook, f"make_{kind}")(app=self, name=name)
        if made is None and "/" in name:
            made = next((one() for one in drivers.loadable(kind, self.disabled) if one.content_type == name), None)
        if made is None:
            made = drivers.load(kind, name, disabled=self.disabled)()
        known[name] = known[made.content_type] = made
        return made

    # --- tasks

    @property
    def tasks(self) -> TaskRegistry:
        """Every task by name, shared ones included."""
        self.finalize(auto=True)
        return self._tasks

    def finalize(self, auto: bool = False) -> None:
        """Tell plugins that the tasks are complete, so that shared ones come in; once."""
        if auto and not (self.finalized or self.autofinalize):
            raise RuntimeError(
                f"{self!r} was made with autofinalize=False; call its finalize() before its tasks are used"
            )
        with self._lock:
            if not self.finalized:
                self.finalized = True
                for task in list(self._tasks.values()):
                    self.plugins.notify("task_registered", app=self, task=task)
                self.plugins.notify("app_finalized", app=self)

    def _add(self, task: Task[..., Any], *, replace: bool = False) -> Task[..., Any]:
        registered = self._tasks.add(task, replace=replace)
        if self.finalized and registered is task:
            self.plugins.notify("task_registered", app=self, task=task)
        return registered

    @overload
    def task(self, fun: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self, *, bind: Literal[True], **options: Any
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Task[P, R]]: ...

    @overload
    def task(self, *, bind: Literal[False] = False, **options: Any) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def task(self, *args: Any, **options: Any) -> Any:
        """Make a task of a function: ``@app.task`` or ``@app.task(name=…, bind=True, …)``.

        Every option becomes an attribute of the task. A name that another function holds is kept by the first.
        """
        if len(args) > 1 or (args and not callable(args[0])):
            raise TypeError(f"expected a function to make a task of, got {args!r}; give options by keyword")

        def make(fun: Callable[..., Any]) -> Task[..., Any]:
            rest = {name: value for name, value in options.items() if name != "lazy"}
            name = rest.pop("name", None) or self.gen_task_name(fun.__name__, fun.__module__)
            base: type[Task[..., Any]] = rest.pop("base", None) or self.Task
            return self._add(base.from_function(self, fun, name, rest))

        return make(args[0]) if args else make

    def gen_task_name(self, name: str, module: str) -> str:
        """The automatic name of a task: module and function; override to name differently."""
        return name_of(name, module, self.main)

    def register_task(self, task: Task[..., Any] | type[Task[..., Any]], **options: Any) -> Task[..., Any]:
        """Register a class-based task, given as class or instance; return the instance."""
        instance = task() if isinstance(task, type) else task
        instance.name = instance.name or self.gen_task_name(type(instance).__name__, type(instance).__module__)
        instance.bind(self, options)
        return self._add(instance, replace=True)

    def send_task(
        self, name: str, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[Any]:
        """Call a task by name, known here or not; options as `Task.apply_async`."""
        return self.publisher.send(self.tasks.get(name), name, args, kwargs, options)

    # --- life

    @classmethod
    def current(cls) -> KernelQ:
        """This thread's app, else the default one, else the latest made; for users' code, nothing inside asks."""
        latest = cls._latest() if cls._latest is not None else None
        return getattr(_local, "app", None) or cls._default or latest or cls("default")

    @classmethod
    def finalized_apps(cls) -> list[KernelQ]:
        """Every living app whose tasks are complete."""
        return [app for app in (reference() for reference in _apps) if app is not None and app.finalized]

    def set_current(self) -> None:
        """Make this the current app of this thread, and of threads that have neither one of their own nor a default."""
        _local.app = self
        KernelQ._latest = weakref.ref(self)

    def set_default(self) -> None:
        """Make this the app of threads that have no current one."""
        KernelQ._default = self

    def close(self) -> None:
        """Close every connection; using the app again opens new ones."""
        if self.has_plugins:
            self.plugins.notify("app_closing", app=self)
        with self._lock:
            for driver in (self._broker, self._backend, *self._engines.values()):
                if driver is not None:
                    driver.close()
            self._broker = self._backend = None
            self._engines.clear()
            if "publisher" in vars(self):
                self.publisher.forget()

    __class_getitem__: Any = classmethod(GenericAlias)

    def __reduce__(self) -> Any:
        return self.reduced()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KernelQ {self.main or '__main__'} at {id(self):#x}>"

    def _after_fork(self) -> None:  # pragma: no cover  (runs in forked children only)
        self._lock = threading.RLock()
        for engine in self._engines.values():
            engine.forget_connections()


_api.graft(KernelQ)


def _forget_connections() -> None:  # pragma: no cover  (runs in forked children only)
    for app in (reference() for reference in _apps):
        if app is not None:
            app._after_fork()


# A child of a fork must not speak over its parent's connections.
os.register_at_fork(after_in_child=_forget_connections)
