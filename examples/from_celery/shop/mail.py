"""Mail: every way to try again."""

from __future__ import annotations

from typing import Any

from .audited import Audited
from .celery import app
from .errors import MailServerAway, NoSuchAddress


@app.task(bind=True, base=Audited, max_retries=3, default_retry_delay=0)
def send(self: Any, to: str, away: int = 0) -> dict[str, Any]:
    """The server is away for the first so many tries."""
    tries = self.request.retries
    try:
        if tries < away:
            raise MailServerAway(to, tries)
    except MailServerAway as error:
        raise self.retry(exc=error, countdown=0.1) from error
    return {"to": to, "tries": tries, "id": self.request.id}


@app.task(bind=True, base=Audited)
def send_once_more(self: Any, to: str) -> None:
    """Gives up without an error of its own."""
    raise self.retry(countdown=0, max_retries=1)


@app.task(bind=True, base=Audited, max_retries=None)
def send_changed(self: Any, to: str, tries: int = 0, *, note: str = "") -> list[Any]:
    """Each try is given other arguments, on another queue."""
    if tries < 4:
        raise self.retry((to, tries + 1), {"note": f"{note}{tries}"}, countdown=0, queue="big")
    return [to, tries, note, self.request.delivery_info["routing_key"], self.request.headers]


@app.task(bind=True, base=Audited)
def send_and_again(self: Any, to: str) -> list[Any]:
    """Goes on after it asked for another try."""
    again = None
    if not self.request.retries:
        again = self.retry(throw=False, countdown=0.2)
    return [to, type(again).__name__]


@app.task(
    bind=True, base=Audited, autoretry_for=(ConnectionError,), dont_autoretry_for=(NoSuchAddress,),
    retry_backoff=True, retry_backoff_max=1, retry_jitter=False, retry_kwargs={"max_retries": 2},
)  # fmt: skip
def deliver(self: Any, to: str, away: int = 0) -> list[Any]:
    """Tried again by itself."""
    if to == "nowhere":
        raise NoSuchAddress(to)
    if self.request.retries < away:
        raise MailServerAway(to)
    return [to, self.request.retries]


class Postman(Audited):
    """Tries again by attributes of the class."""

    name = "mail.postman"
    autoretry_for = (MailServerAway,)
    retry_kwargs = {"max_retries": 1, "countdown": 0}

    def run(self, to: str) -> None:
        raise MailServerAway(to)


postman = app.register_task(Postman())


@app.task(autoretry_for=(Exception,), retry_kwargs={"countdown": 0, "max_retries": 1})
def newsletter(to: str) -> None:
    """Whatever happens, once more."""
    raise KeyError(to)
