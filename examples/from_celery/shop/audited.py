"""A base class for tasks whose every step goes to the journal."""

from __future__ import annotations

from typing import Any

from kernelq import Task

from .journal import record


class Audited(Task[..., Any]):
    """Give it as ``base=``, or derive a class-based task from it."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.note("__call__", self.request.id, direct=self.request.called_directly, args=args, kwargs=kwargs)
        return super().__call__(*args, **kwargs)

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        self.note("before_start", task_id, args=args, kwargs=kwargs)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        stored = self.AsyncResult(task_id).state
        self.note("on_success", task_id, retval=retval, args=args, kwargs=kwargs, stored=stored)

    def on_retry(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self.note("on_retry", task_id, exc=exc, args=args, kwargs=kwargs, einfo=einfo)

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        stored = self.AsyncResult(task_id).state
        self.note("on_failure", task_id, exc=exc, args=args, kwargs=kwargs, einfo=einfo, stored=stored)

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self.note("after_return", task_id, status=status, retval=retval, args=args, kwargs=kwargs, einfo=einfo)

    def note(self, what: str, task_id: str | None, **details: Any) -> None:
        """Put it in the journal."""
        record(what, id=task_id, task=self.name, retries=self.request.retries, **details)
