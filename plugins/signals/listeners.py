"""Forwarding of the hooks that fire once per message, only while somebody has connected to their signal.

The kernel skips the work around a hook nobody implements: before a publish it would otherwise decode the body
again. So a signal's hookimpl is registered with every app when the signal gets its first receiver, and with apps
that come later when they are configured. In those it stays when the receivers go; then it sends to nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from kernelq import hookimpl
from kernelq.contracts import decode_body
from msgspec.structs import replace

from . import api
from .received import Node, Received
from .signal import Signal

if TYPE_CHECKING:
    from kernelq import Context, KernelQ, Task
    from kernelq.contracts import Delivery, Message, Undecodable

_lock = threading.Lock()
_apps: WeakSet[KernelQ] = WeakSet()
_listeners: list[Listener] = []


class Listener:
    """Forwards one hook to one signal: a plugin of its own, registered with each app that needs it."""

    def __init__(self, signal: Signal, forward: Callable[..., Any]) -> None:
        self.signal = signal
        self._apps: WeakSet[KernelQ] = WeakSet()
        setattr(self, forward.__name__, forward)

    def join(self, app: KernelQ) -> None:
        """Listen to this app, once."""
        if app not in self._apps:
            self._apps.add(app)
            app.register_plugin(self, f"signals:{self.signal.name}")

    def join_all(self) -> None:
        """Listen to every app there is."""
        with _lock:
            for app in list(_apps):
                self.join(app)


def watch(app: KernelQ) -> None:
    """From now on tell the connected signals what happens in `app`."""
    with _lock:
        _apps.add(app)
        for listener in _listeners:
            if listener.signal.receivers:
                listener.join(app)


def _forwards(signal: Signal, hook: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function the forwarder to `signal` of the hook of the same name, or of `hook`."""

    def mark(forward: Callable[..., Any]) -> Callable[..., Any]:
        listener = Listener(signal, hookimpl(forward, specname=hook))
        _listeners.append(listener)
        signal.on_connect = listener.join_all
        return forward

    return mark


# --- publish


@_forwards(api.before_task_publish)
def before_task_publish(app: KernelQ, message: Message, retry_policy: dict[str, Any]) -> Message:
    # Imported where it is used: without the plugin `protocol` all other signals still work.
    from kernelq.protocol import apply_headers, headers_of

    headers, properties = headers_of(message)
    body = decode_body(app, message)
    api.before_task_publish.send(
        message.task,
        body=body,
        exchange=message.exchange,
        routing_key=message.routing_key or message.queue,
        headers=headers,
        properties=properties,
        declare=[],
        retry_policy=retry_policy,
    )
    return apply_headers(_with_body(app, message, body), headers, properties)


@_forwards(api.after_task_publish)
def after_task_publish(app: KernelQ, message: Message) -> None:
    if api.after_task_publish.receivers:
        api.after_task_publish.send(
            message.task,
            body=decode_body(app, message),
            headers=_headers(message),
            exchange=message.exchange,
            routing_key=message.routing_key or message.queue,
        )


@_forwards(api.task_sent, "after_task_publish")
def task_sent(app: KernelQ, message: Message) -> None:
    if api.task_sent.receivers:
        args, kwargs, _ = decode_body(app, message)
        api.task_sent.send(
            message.task,
            task_id=message.id,
            task=message.task,
            args=args,
            kwargs=kwargs,
            eta=message.eta,
            taskset=message.group,
        )


# --- run


@_forwards(api.task_prerun)
def task_prerun(task: Task[..., Any], request: Context) -> None:
    api.task_prerun.send(task, task_id=request.id, task=task, args=request.args, kwargs=request.kwargs)


@_forwards(api.task_postrun)
def task_postrun(task: Task[..., Any], request: Context, retval: Any, state: str) -> None:
    api.task_postrun.send(
        task, task_id=request.id, task=task, args=request.args, kwargs=request.kwargs, retval=retval, state=state
    )


@_forwards(api.task_success)
def task_success(task: Task[..., Any], result: Any, runtime: float) -> None:
    api.task_success.send(task, result=result, runtime=runtime)


@_forwards(api.task_retry)
def task_retry(task: Task[..., Any], request: Context, reason: Any, einfo: Any) -> None:
    api.task_retry.send(task, request=request, reason=reason, einfo=einfo)


@_forwards(api.task_failure)
def task_failure(task: Task[..., Any], request: Context, exception: BaseException, einfo: Any) -> None:
    api.task_failure.send(task, **_failure(request, exception, einfo))


@_forwards(api.task_internal_error)
def task_internal_error(task: Task[..., Any], request: Context, exception: BaseException, einfo: Any) -> None:
    if api.task_internal_error.receivers:
        api.task_internal_error.send(task, request=_as_dict(request), **_failure(request, exception, einfo))


@_forwards(api.task_revoked)
def task_revoked(task: Task[..., Any], request: Context, terminated: bool, signum: int | None, expired: bool) -> None:
    api.task_revoked.send(task, request=request, terminated=terminated, signum=signum, expired=expired)


# --- receive


@_forwards(api.task_received)
def task_received(app: KernelQ, message: Message, delivery: Delivery, hostname: str) -> None:
    if api.task_received.receivers:
        args, kwargs, embed = decode_body(app, message)
        request = Received(message, args, kwargs, embed, delivery=delivery, hostname=hostname)
        api.task_received.send(Node(hostname, app), request=request)


@_forwards(api.task_unknown)
def task_unknown(app: KernelQ, message: Message, hostname: str, exc: BaseException) -> None:
    api.task_unknown.send(Node(hostname, app), name=message.task, id=message.id, message=message, exc=exc)


@_forwards(api.task_rejected)
def task_rejected(app: KernelQ, message: Message | Undecodable, hostname: str, exc: BaseException) -> None:
    api.task_rejected.send(Node(hostname, app), message=message, exc=exc)


def _with_body(app: KernelQ, message: Message, body: tuple[Any, Any, Any]) -> Message:
    """The message with a body as receivers have left it; itself when they changed nothing."""
    changed = app.serializer(message.content_type).dumps(list(body))
    if message.compression is not None:
        changed = app.compressor(message.compression).compress(changed)
    return message if changed == message.body else replace(message, body=changed)


def _failure(request: Context, exception: BaseException, einfo: Any) -> dict[str, Any]:
    return {
        "task_id": request.id,
        "exception": exception,
        "args": request.args,
        "kwargs": request.kwargs,
        "traceback": exception.__traceback__,
        "einfo": einfo,
    }


def _as_dict(request: Context) -> dict[str, Any]:
    headers = _headers(request.message) if request.message is not None else {}
    return {
        **headers,
        "args": request.args,
        "kwargs": request.kwargs,
        "hostname": request.hostname,
        "delivery_info": request.delivery_info,
    }


def _headers(message: Message) -> dict[str, Any]:
    from kernelq.protocol import headers_of

    return headers_of(message)[0]
