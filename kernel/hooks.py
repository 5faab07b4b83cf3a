"""Every hookspec of KernelQ: what a plugin may hear, answer, add or wrap.

A plugin implements a hook by a function of the same name, marked with `hookimpl`; it may leave out
arguments it does not need. The first word of each docstring is the hook's kind:

    notify   everybody is told; an exception is logged with the plugin's name, the others still run
    collect  everybody may answer; the answers are merged as the docstring says
    decide   the first answer that is not None counts
    change   each may answer with what takes the place of what it was given
    wrap     implementations are generators around the real thing (`hookimpl(wrapper=True)`)

For all but notify an exception goes to the caller. A hook nobody implements costs one
look-up. The second line says on which thread a hook runs. All are there since 0.1.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import pluggy

if TYPE_CHECKING:
    from logging import Logger

    import click
    from kernelq import AsyncResult, Worker
    from kernelq.pools import Pool, PoolHost

    from .app import KernelQ
    from .bootsteps import Step
    from .broker import Broker, Delivery
    from .codecs import Compressor, Serializer
    from .context import Context, Ending
    from .engine import Engine
    from .errors import BrokerError
    from .message import Admission, Message, Undecodable
    from .settings import Option
    from .store import Backend, Effect
    from .task import Task

PROJECT = "kernelq"

Router: TypeAlias = "Callable[[str, Any, Any, Mapping[str, Any], Task[..., Any] | None], dict[str, Any]]"
"""(name, args, kwargs, options of the call, task or None) → the options with gaps filled."""
Caller: TypeAlias = "Callable[[Task[..., Any], Any, Any, dict[str, Any]], AsyncResult[Any]]"
"""(task, args, kwargs, options) → its result."""
Runner: TypeAlias = "Callable[[Coroutine[Any, Any, Any]], Any]"
"""A coroutine → what it returned."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# mypy: disable-error-code=empty-body

# --- app and settings ----------------------------------------------------------------------------


@hookspec
def settings() -> Sequence[Option]:
    """Collect: the settings this plugin knows, so that they are checked, documented and reported.
    Any thread, when the app's plugins are loaded.
    Example: ``return [Option("dog_name", str, "Rex", "what to call the dog")]``"""


@hookspec(firstresult=True)
def read_settings(app: KernelQ, source: Any, namespace: str | None, silent: bool) -> dict[str, Any] | None:
    """Decide: values by setting name out of a configuration source (`config_from_object`).
    Any thread. Example: ``return tomllib.loads(Path(source).read_text()) if str(source).endswith(".toml") else None``"""


@hookspec
def app_configured(app: KernelQ) -> None:
    """Notify: the app's configuration was read for the first time.
    Any thread. Example: ``app.stash[LIMIT] = app.conf.dog_limit``"""


@hookspec
def app_finalized(app: KernelQ) -> None:
    """Notify: every task of the app is bound.
    Any thread. Example: ``log.info("%d tasks", len(app.tasks))``"""


@hookspec
def app_closing(app: KernelQ) -> None:
    """Notify: the app is about to close its connections; it may be used again.
    The thread that closes it. Example: ``app.stash[SENDER].flush()``"""


@hookspec
def task_registered(app: KernelQ, task: Task[..., Any]) -> None:
    """Notify: a task belongs to its app; told of all when the app is finalized, of later ones at once.
    Any thread. Example: ``task.rate_limit = task.rate_limit or "10/s"``"""


@hookspec
def import_modules(app: KernelQ) -> None:
    """Notify: the worker imports its modules now, those of `include` and `autodiscover_tasks` among them.
    The worker's main thread. Example: ``import_module("proj.extra_tasks")``"""


@hookspec(firstresult=True)
def setup_logging(app: KernelQ, loglevel: int, logfile: str | None, format: str, colorize: bool) -> bool | None:
    """Decide: configure logging yourself and return True; nothing else is configured then.
    The worker's main thread, before anything is logged. Example: ``logging.config.dictConfig(...); return True``"""


@hookspec
def after_setup_logger(
    app: KernelQ, logger: Logger, loglevel: int, logfile: str | None, format: str, colorize: bool
) -> None:
    """Notify: the root logger is set up; add handlers here.
    The worker's main thread. Example: ``logger.addHandler(SyslogHandler())``"""


@hookspec
def after_setup_task_logger(
    app: KernelQ, logger: Logger, loglevel: int, logfile: str | None, format: str, colorize: bool
) -> None:
    """Notify: the logger of tasks (``kernelq.task``) is set up.
    The worker's main thread. Example: ``logger.addFilter(HideSecrets())``"""


# --- drivers (contracts: kernelq.contracts; entry-point groups: kernelq.contracts.KINDS) ------------


@hookspec(firstresult=True)
def make_engine(app: KernelQ, url: str) -> Engine | None:
    """Decide: the engine behind a URL whose scheme has no entry point.
    Any thread, once per engine. Example: ``return FileEngine(url) if url.startswith("file:") else None``"""


@hookspec(firstresult=True)
def make_broker(app: KernelQ, url: str) -> Broker | None:
    """Decide: the broker for a URL; asked before the entry points, so a one-file plugin can bring one.
    Any thread, once per app and process. Example: ``return FileBroker(app, url) if url.startswith("file:") else None``"""


@hookspec(firstresult=True)
def make_backend(app: KernelQ, url: str) -> Backend | None:
    """Decide: the result backend for a URL; asked before the entry points.
    Any thread, once per app and process. Example: ``return FileBackend(url) if url.startswith("file:") else None``"""


@hookspec(firstresult=True)
def make_serializer(app: KernelQ, name: str) -> Serializer | None:
    """Decide: the serializer of a name or content type; asked before the entry points.
    Any thread, once per app and name. Example: ``return Cbor() if name in ("cbor", "application/cbor") else None``"""


@hookspec(firstresult=True)
def make_compressor(app: KernelQ, name: str) -> Compressor | None:
    """Decide: the compressor of a name or content type; asked before the entry points.
    Any thread, once per app and name. Example: ``return Snappy() if name == "snappy" else None``"""


@hookspec(firstresult=True)
def make_pool(host: PoolHost, name: str) -> Pool | None:
    """Decide: the pool of a name; asked before the entry points.
    The worker's main thread. Example: ``return TrioPool(host) if name == "trio" else None``"""


# --- publish and dedup ---------------------------------------------------------------------------


@hookspec(firstresult=True)
def make_router(app: KernelQ) -> Router | None:
    """Decide: what fills in the options that neither call nor task set (queue, priority, …), for every call; None: nothing.
    The publishing thread, once for each state of the settings. Example: ``return Routes(app.conf.task_routes)``"""


@hookspec(firstresult=True)
def make_caller(app: KernelQ) -> Caller | None:
    """Decide: what runs calls of tasks in this process instead of publishing them; None: they are published.
    The publishing thread, once for each state of the settings. Example: ``return run_here if app.conf.dog_eats_all else None``"""


@hookspec
def before_task_publish(app: KernelQ, message: Message, retry_policy: dict[str, Any]) -> Message | None:
    """Change: a message about to be published; answer with another one, which the next plugin is given, or None.
    The publishing thread, once per message; `retry_policy` may be changed in place.
    Example: ``return structs.replace(message, headers={**message.headers, "trace": current_trace()})``"""


@hookspec(firstresult=True)
def admit(app: KernelQ, message: Message, args: Sequence[Any], kwargs: dict[str, Any]) -> Admission | None:
    """Decide: whether this message may be published; None has no opinion.
    The publishing thread, once per message, at most one round trip. Example: ``return Admission.refuse(holder_id)``"""


@hookspec(firstresult=True)
def publish_failed(
    app: KernelQ, messages: Sequence[Message], retry_policy: Mapping[str, Any], error: BrokerError, began: float
) -> bool | None:
    """Decide: the broker was away or full, `began` says since when (monotonic): True once it has accepted them after all.
    `max_retries` 0 in the policy forbids that; without True the error goes to the caller, which a wrapper sees.
    The publishing thread; nobody answers: the error goes to the caller. Example: ``spool(messages); return True``"""


@hookspec
def after_task_publish(app: KernelQ, message: Message) -> None:
    """Notify: the broker has accepted a message.
    The publishing thread, once per message. Example: ``published.labels(message.task).inc()``"""


# --- run: the task signals -----------------------------------------------------------------------


@hookspec
def task_received(app: KernelQ, message: Message, delivery: Delivery, hostname: str) -> None:
    """Notify: a lane received a message of a known task.
    The lane's thread. Example: ``waited.observe(time() - message.sent_at)``"""


@hookspec
def task_prerun(app: KernelQ, task: Task[..., Any], request: Context) -> None:
    """Notify: a task is about to run; `request` holds its id, args and kwargs.
    The thread that runs it. Example: ``db.close_old_connections()``"""


@hookspec(firstresult=True)
def call_task(app: KernelQ, task: Task[..., Any], request: Context) -> Any:
    """Wrap: the call of the task's function, its exception included.
    The thread that runs it. Example: ``with tracer.span(task.name): return (yield)``"""


@hookspec(firstresult=True)
def make_runner(app: KernelQ) -> Runner | None:
    """Decide: what runs the coroutine of an ``async def`` task to its end, on the thread that calls it.
    The lane's thread, once per lane. Example: ``return asyncio.Runner().run``"""


@hookspec
def task_postrun(app: KernelQ, task: Task[..., Any], request: Context, retval: Any, state: str) -> None:
    """Notify: a task has run, whatever came of it (`retval` is the exception then).
    The thread that ran it, once per `task_prerun`. Example: ``db.close_old_connections()``"""


@hookspec
def task_success(app: KernelQ, task: Task[..., Any], request: Context, result: Any, runtime: float) -> None:
    """Notify: a task returned; `runtime` in seconds.
    The thread that ran it. Example: ``count[task.name] += 1``"""


@hookspec
def task_retry(app: KernelQ, task: Task[..., Any], request: Context, reason: Any, einfo: Any) -> None:
    """Notify: a task will be tried again; `reason` is the exception.
    The thread that ran it. Example: ``log.info("again: %r", reason)``"""


@hookspec
def task_failure(app: KernelQ, task: Task[..., Any], request: Context, exception: BaseException, einfo: Any) -> None:
    """Notify: a task failed for good.
    The thread that ran it; the supervisor's when its process was killed. Example: ``sentry.capture(exception)``"""


@hookspec
def task_revoked(
    app: KernelQ, task: Task[..., Any], request: Context, terminated: bool, signum: int | None, expired: bool
) -> None:
    """Notify: a task will not run, because it expired or was revoked.
    The lane's thread. Example: ``if expired: alarm(task.name)``"""


@hookspec
def task_unknown(app: KernelQ, message: Message, hostname: str, exc: BaseException) -> None:
    """Notify: no task of this name is registered here; the message is parked.
    The lane's thread, at each sight of it. Example: ``log.error("deploy %s first", message.task)``"""


@hookspec
def task_rejected(app: KernelQ, message: Message | Undecodable, hostname: str, exc: BaseException) -> None:
    """Notify: a message that cannot be read goes to the dead letters.
    The lane's thread. Example: ``page_someone(exc)``"""


@hookspec
def task_internal_error(
    app: KernelQ, task: Task[..., Any], request: Context, exception: BaseException, einfo: Any
) -> None:
    """Notify: an error of ours or a plugin's around a task, not the task's own.
    The thread that ran it. Example: ``sentry.capture(exception)``"""


@hookspec
def advance(app: KernelQ, ending: Ending) -> Iterable[Message | Effect] | None:
    """Collect: what follows from the end of an attempt: messages to publish, effects on stores.
    The thread that ran it, before anything of the ending is committed; all of it is committed with
    it, as one step where the engine can. Ids made here must be derived, for it may be asked twice.
    Example: ``return [Effect(locks, Release(key, owner=ending.message.id))]``"""


# --- worker life ---------------------------------------------------------------------------------


@hookspec
def bootsteps(app: KernelQ) -> Sequence[type[Step]]:
    """Collect: steps to start and stop with the worker.
    The worker's main thread. Example: ``return [HealthFile]``"""


@hookspec(firstresult=True)
def consumed_queues(app: KernelQ, hostname: str, only: Sequence[str], without: Sequence[str]) -> Sequence[str] | None:
    """Decide: the queues a worker consumes; `only` and `without` are what it was told (-Q, -X), empty if nothing.
    The worker's main thread. Example: ``return only or list(app.conf.dog_queues)``"""


@hookspec
def worker_init(worker: Worker) -> None:
    """Notify: before the worker's first bootstep.
    The worker's main thread. Example: ``worker.app.loader_ready = True``"""


@hookspec
def worker_ready(worker: Worker) -> None:
    """Notify: every lane consumes.
    The worker's main thread or its pool's. Example: ``Path("ready").touch()``"""


@hookspec
def worker_shutting_down(worker: Worker, sig: str, how: str, exitcode: int) -> None:
    """Notify: the worker was asked to stop; `how` is ``Warm`` or ``Cold``.
    The worker's main thread. Example: ``Path("ready").unlink(missing_ok=True)``"""


@hookspec
def worker_shutdown(worker: Worker) -> None:
    """Notify: the worker has stopped.
    The worker's main thread. Example: ``print(counts)``"""


# --- pool children -------------------------------------------------------------------------------


@hookspec
def worker_before_create_process(app: KernelQ) -> None:
    """Notify: a child is about to be forked.
    The supervisor's main thread. Example: ``gc.collect()``"""


@hookspec
def worker_process_init(app: KernelQ, hostname: str) -> None:
    """Notify: a child has begun; reopen connections here. Also called once by pools without children.
    The child's main thread. Example: ``engine.dispose(close=False)``"""


@hookspec
def worker_process_shutdown(app: KernelQ, hostname: str, pid: int, exitcode: int) -> None:
    """Notify: a child is about to end by itself (not when it is killed).
    The child's main thread. Example: ``flush_metrics()``"""


# --- scheduler and monitoring --------------------------------------------------------------------


@hookspec
def beat_init(service: Any) -> None:
    """Notify: a scheduler is about to start, alone or inside a worker.
    The scheduler's thread. Example: ``service.max_interval = 1``"""


@hookspec
def beat_embedded_init(service: Any) -> None:
    """Notify: a scheduler is about to start inside a worker; after `beat_init`.
    The scheduler's thread. Example: ``log.info("scheduling here")``"""


@hookspec
def heartbeat_sent(sender: Any) -> None:
    """Notify: a worker told the monitors that it is alive.
    The thread that sends heartbeats. Example: ``Path("alive").touch()``"""


# --- command line ------------------------------------------------------------------------------


@hookspec
def commands(name: str | None) -> Sequence[click.Command]:
    """Collect: commands for ``kernelq …``; groups of one name become one, any other name given twice is refused. Of `name`
    at least, or all of them: others need not be imported. The command line's thread. Example: ``return [flower]``"""


@hookspec
def user_preload_options(app: KernelQ, options: dict[str, Any]) -> None:
    """Notify: the command line was read; `options` are those given that every command has (app, plugins, settings).
    The command line's thread. Example: ``use_template(options["template"])``"""
