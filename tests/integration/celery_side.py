"""The project on Celery's side: real Celery tasks, and a worker that runs them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery

app = Celery("celery_side", broker=os.environ["SIDE_BROKER"], backend="rpc://")
app.conf.update(
    task_default_queue=os.environ["SIDE_QUEUE"],
    task_queue_max_priority=10 if os.environ.get("SIDE_PRIORITIES") else None,
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
)


@app.task(name="side.add")
def add(x: int, y: int) -> int:
    return x + y


@app.task(name="side.fail")
def fail(text: str) -> None:
    raise ValueError(text)


@app.task(name="side.about", bind=True)
def about(self) -> dict:
    request = self.request
    return {
        "id": request.id,
        "retries": request.retries,
        "expires": request.expires,
        "eta": request.eta,
        "timelimit": list(request.timelimit or ()),
        "priority": request.delivery_info["priority"],
        "extra": request.headers.get("extra") if request.headers else None,
        "now": time.time(),
    }


@app.task(name="side.again", bind=True, max_retries=3)
def again(self) -> int:
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task(name="side.wait_for")
def wait_for(path: str) -> None:
    end = time.monotonic() + 30
    while not Path(path).exists() and time.monotonic() < end:
        time.sleep(0.005)


@app.task(name="side.note")
def note(path: str, text: str) -> None:
    with open(path, "a") as file:
        file.write(text)
