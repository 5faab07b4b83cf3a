"""What plugins add to `kernelq`, its app, its tasks and its backends, for type checkers only; at run time entry points say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from .app_surface.methods import AppMethods as Surface
    from .asynchronous.methods import AppMethods as Asynchronous
    from .asynchronous.methods import TaskMethods as TaskAsynchronous
    from .beat.methods import AppMethods as Beats
    from .bulk.methods import AppMethods as Bulk
    from .bulk.methods import TaskMethods as TaskBulk
    from .bulk.not_accepted import NotAccepted as NotAccepted
    from .canvas.chain import chain as chain
    from .canvas.chord import chord as chord
    from .canvas.group import group as group
    from .canvas.making import maybe_signature as maybe_signature
    from .canvas.making import signature as signature
    from .canvas.making import subtask as subtask
    from .canvas.maps import chunks as chunks
    from .canvas.maps import xmap as xmap
    from .canvas.maps import xstarmap as xstarmap
    from .canvas.methods import AppMethods as Canvas
    from .canvas.methods import TaskMethods as TaskCanvas
    from .canvas.signature import Signature as Signature
    from .canvas.stamping import StampingVisitor as StampingVisitor
    from .commands.methods import AppMethods as Commands
    from .control.methods import AppMethods as Controls
    from .current.current import current_app as current_app
    from .current.current import current_task as current_task
    from .current.current import shared_task as shared_task
    from .eager.methods import TaskMethods as TaskEager
    from .expiry_watch.watch import expired_counts as expired_counts
    from .once_lock.errors import AlreadyQueued as AlreadyQueued
    from .once_lock.queue_once import QueueOnce as QueueOnce
    from .results.backend_methods import BackendMethods as BackendMethods
    from .results.eager import EagerResult as EagerResult
    from .results.group_result import GroupResult as GroupResult
    from .results.joining import allow_join_result as allow_join_result
    from .results.joining import denied_join_result as denied_join_result
    from .results.methods import AppMethods as Results
    from .results.methods import TaskMethods as TaskResults
    from .results.result import AsyncResult as AsyncResult
    from .results.result_set import ResultSet as ResultSet
    from .results.tree import result_from_tuple as result_from_tuple
    from .retries.methods import TaskMethods as TaskRetries
    from .routing.exchange import Exchange as Exchange
    from .routing.exchange import binding as binding
    from .routing.methods import AppMethods as Routing
    from .routing.queue import Broadcast as Broadcast
    from .routing.queue import Queue as Queue
    from .schedules.crontab import crontab as crontab
    from .schedules.interval import schedule as schedule
    from .schedules.solar import solar as solar
    from .settings_sources.methods import AppMethods as Sources
    from .times.methods import AppMethods as Times
    from .worker.methods import AppMethods as Work
    from .worker.worker import Worker as Worker
    from .worker_log.log import get_task_logger as get_task_logger

    P = ParamSpec("P")
    R = TypeVar("R")

    class AppMethods(
        Asynchronous, Beats, Bulk, Canvas, Commands, Controls, Results, Routing, Sources, Surface, Times, Work
    ):
        """Attributes of `kernelq.KernelQ` that live in plugins."""

    class TaskMethods(
        TaskAsynchronous[P, R], TaskBulk[P, R], TaskCanvas[P, R], TaskEager[P, R], TaskResults[P, R], TaskRetries[P, R],
        Generic[P, R],
    ):  # fmt: skip
        """Attributes of `kernelq.Task` that live in plugins."""


__all__ = [
    "AlreadyQueued",
    "AsyncResult",
    "Broadcast",
    "EagerResult",
    "Exchange",
    "GroupResult",
    "NotAccepted",
    "Queue",
    "QueueOnce",
    "ResultSet",
    "Signature",
    "StampingVisitor",
    "Worker",
    "allow_join_result",
    "binding",
    "chain",
    "chord",
    "chunks",
    "crontab",
    "current_app",
    "current_task",
    "denied_join_result",
    "expired_counts",
    "get_task_logger",
    "group",
    "maybe_signature",
    "result_from_tuple",
    "schedule",
    "shared_task",
    "signature",
    "solar",
    "subtask",
    "xmap",
    "xstarmap",
]
