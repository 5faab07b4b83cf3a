"""Orders: functions as tasks, called in the many ways there are."""

from __future__ import annotations

from typing import Any

from kernelq import current_app, current_task
from kernelq.result import allow_join_result
from kernelq.utils.log import get_task_logger

from .audited import Audited
from .celery import app
from .errors import Declined, OutOfStock
from .journal import record

log = get_task_logger(__name__)


@app.task(base=Audited)
def total(*prices: float) -> float:
    """What the prices come to."""
    log.info("adding up %d prices", len(prices))
    return sum(prices)


@app.task(base=Audited)
def add(x: int, y: int) -> int:
    return x + y


@app.task
def echo(value: Any = None, **named: Any) -> Any:
    """What it was given, as it arrived."""
    return [value, named] if named else value


@app.task
def kind(value: Any) -> list[str]:
    """The type a value has in the task, and how it reads there."""
    return [type(value).__name__, repr(value)]


@app.task(name="order.place", bind=True, base=Audited)
def place(self: Any, item: str, *, customer: str = "somebody") -> dict[str, Any]:
    """An order, with what its run knows of itself."""
    request = self.request
    return {
        "item": item,
        "task": [self.name, request.task],
        "same": request.id == self.AsyncResult(request.id).id == current_task.request.id,
        "app": current_app.main,
        "to": request.delivery_info["routing_key"],
        "headers": request.headers,
        "shop": request.get("shop"),
        "retries": request.retries,
        "directly": request.called_directly,
        "eager": request.is_eager,
        "timelimit": request.timelimit,
        "types": {
            name: type(request.get(name)).__name__ for name in ("id", "args", "kwargs", "eta", "expires", "hostname")
        },
        "args": [request.args, request.kwargs],
        "argsrepr": [request.get("argsrepr"), request.get("kwargsrepr")],
        "root": request.root_id,
        "parent": request.parent_id,
        "group": request.group,
        "callbacks": [request.callbacks, request.errbacks, request.chain, request.chord],
        "shadow": request.shadow,
        "correlated": request.correlation_id == request.id,
        "ignored": request.ignore_result,
    }


@app.task(bind=True, trail=True)
def fulfil(self: Any, prices: list[float]) -> dict[str, Any]:
    """An order in two parts: this task calls another."""
    part = total.delay(*prices)
    return {"own": self.request.id, "part": part.id, "root": self.request.root_id}


class Clumsy(Audited):
    """Its handlers fail."""

    abstract = True

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        super().before_start(task_id, args, kwargs)
        if args == ["before_start"]:
            raise OutOfStock("patience", 0)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        super().on_success(retval, task_id, args, kwargs)
        raise ValueError("on_success")


@app.task(base=Clumsy)
def fumble(at: str) -> str:
    """Fails by itself too, if told so."""
    if at == "run":
        raise KeyError(at)
    return at


@app.task(bind=True)
def ask(self: Any, x: int, *, allowed: bool) -> Any:
    """Waits for another task, which is allowed only to who says so."""
    part = add.delay(x, x)
    try:
        if not allowed:
            return part.get(timeout=5)
        with allow_join_result():
            return part.get(timeout=5)
    except RuntimeError as refused:
        return type(refused).__name__


@app.task(throws=(OutOfStock,), base=Audited)
def reserve(item: str, left: int) -> None:
    """Never succeeds; that is expected, and logged without a traceback."""
    raise OutOfStock(item, left)


@app.task
def charge(card: str, how: str = "declined") -> None:
    """Fails in a way that is hard to bring home."""
    if how == "declined":
        raise Declined(card=card)
    if how == "local":

        class Lost(Exception):
            """Nobody else can import it."""

        raise Lost(card, 1)
    if how == "chained":
        known: dict[str, str] = {}
        try:
            known[card]
        except KeyError as missing:
            raise ValueError("no such card", card) from missing
    if how == "unwritable":
        raise ValueError(object)
    raise KeyError(card)


@app.task
def unwritable() -> object:
    """Its result is no JSON."""
    return object()


@app.task
def went_wrong(request: Any, exc: BaseException, traceback: Any) -> None:
    """An error callback of the newer kind: called where the task failed."""
    record("went_wrong", id=request.id, exc=exc, traceback=type(traceback).__name__)


@app.task(bind=True)
def clean_up(self: Any, failed_id: str) -> str:
    """An error callback of the older kind: a task that is sent the failed one's id."""
    record("clean_up", id=self.request.id, failed=failed_id, parent=self.request.parent_id)
    return failed_id
