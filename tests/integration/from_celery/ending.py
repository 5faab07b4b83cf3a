"""How runs end: failures, retries, states, limits."""

from __future__ import annotations

import datetime
import sys
import time
import uuid
import warnings
from pathlib import Path
from typing import Any

from shop import imports, limits, mail, orders
from shop.celery import app
from shop.journal import plain

from .case import PATIENCE, case, end, ended, ends, refusal, wait_until

# --- failures


@case
def an_expected_failure() -> Any:
    result = orders.reserve.delay("pear", 2)
    seen = end(result)
    failed = result.result
    return [seen, failed.item, failed.left, result.failed(), result.successful(), result.ready()]


@case
def failures() -> Any:
    return ends(*[orders.charge.delay("visa", how) for how in ("key", "declined", "local", "chained", "unwritable")])


@case
def handlers_that_fail() -> Any:
    return ends(*[orders.fumble.delay(at) for at in ("before_start", "run", "nowhere")])


@case
def waiting_inside_a_task() -> Any:
    return ends(orders.ask.delay(1, allowed=False), orders.ask.delay(2, allowed=True))


@case
def the_text_of_a_traceback() -> Any:
    result = orders.charge.delay("visa", "chained")
    result.get(timeout=PATIENCE, propagate=False)
    lines = result.traceback.strip().splitlines()
    return [
        lines[0],
        lines[-1],
        "During" in result.traceback or "direct cause" in result.traceback,
        "KeyError: 'visa'" in lines,
    ]


# --- retries


@case
def retries() -> Any:
    result = mail.send.delay("ada", away=2)
    return end(result)


@case
def retries_used_up() -> Any:
    return ends(mail.send.delay("ada", away=9), mail.send_once_more.delay("ada"))


@case
def a_retry_with_other_arguments() -> Any:
    return end(mail.send_changed.apply_async(("ada",), headers={"customer": "7"}))


@case
def a_retry_that_goes_on() -> Any:
    result = mail.send_and_again.delay("ada")
    first = end(result)
    wait_until(lambda: len(ended(result.id)) == 2)  # the second run, whose result nobody keeps
    return first


@case
def retries_by_themselves() -> Any:
    return ends(mail.deliver.delay("ada", away=1), mail.deliver.delay("nowhere"), mail.newsletter.delay("ada"))


@case
def retries_by_themselves_used_up() -> Any:
    return ends(mail.deliver.delay("ada", away=9), mail.postman.delay("ada"))


@case
def a_retry_outside_a_worker() -> Any:
    return [refusal(lambda: mail.send("ada", away=1)), refusal(lambda: mail.send_once_more("ada"))]


@case
def the_state_between_tries() -> Any:
    result = mail.deliver.delay("ada", away=1)  # it lies between them for a second
    wait_until(lambda: result.state == "RETRY")
    return [plain(result.result), bool(result.traceback), result.ready(), end(result)]


# --- states and ends


@case
def progress() -> Any:
    folder, seen = room("progress"), []

    def follow(meta: dict[str, Any]) -> None:
        if meta["task_id"] != result.id:
            return  # what is left of an earlier task
        status, value = meta["status"], meta["result"]
        seen.append([status, value if status != "STARTED" else "begun"])
        name = value["row"] if status == "PROGRESS" else {"STARTED": "begin"}.get(status, "checked")
        (folder / str(name)).touch()

    result = imports.load.delay(2, str(folder))
    value = result.get(timeout=PATIENCE, on_message=follow)
    return [value, plain(seen), end(result)]


def room(name: str) -> Path:
    """A folder for one case."""
    folder = Path(sys.argv[1], name)
    folder.mkdir()
    return folder


@case
def the_keys_of_a_message() -> Any:
    keys: list[Any] = []
    orders.add.delay(1, 2).get(timeout=PATIENCE, on_message=lambda meta: keys.extend(sorted(meta)))
    return keys


@case
def progress_by_polling() -> Any:
    folder, seen = room("polling"), []
    result = imports.load.delay(1, str(folder))
    for state, file in (("STARTED", "begin"), ("PROGRESS", "0"), ("CHECKING", "checked")):
        wait_until(lambda state=state: result.state == state)
        value = sorted(result.info) if state == "STARTED" else plain(result.info)
        seen.append([result.status, value, result.info == result.result, result.ready(), result.successful()])
        (folder / file).touch()
    return [seen, end(result)]


@case
def a_state_of_another_task() -> Any:
    given = str(uuid.uuid4())
    orders.add.update_state(task_id=given, state="SHIPPED", meta={"by": "ship"})
    result = app.AsyncResult(given)
    seen = [result.state, result.info]
    result.forget()
    return [seen, app.AsyncResult(given).state]


@case
def ignore() -> Any:
    silent, told = imports.skip.delay(), imports.skip.delay("empty")
    wait_until(lambda: told.state == "SKIPPED")
    refused = [refusal(lambda: silent.get(timeout=0.5)), silent.state]
    return [refused, told.state, told.info, told.ready()]


@case
def reject() -> Any:
    return end(imports.refuse.delay())


@case
def reject_and_requeue() -> Any:
    return end(imports.refuse.delay(again=True))


@case
def results_that_nobody_wants() -> Any:
    result = imports.forget.delay(1)
    wanted = orders.add.apply_async((1, 2), ignore_result=True)
    wait_until(lambda: bool(ended(result.id) and ended(wanted.id)))
    return [
        result.get(timeout=1),
        result.ignored,
        app.AsyncResult(result.id).state,
        wanted.get(timeout=1),
        wanted.ignored,
        app.AsyncResult(wanted.id).state,
    ]


@case
def expired() -> Any:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ends(orders.add.apply_async((1, 2), expires=past), orders.add.apply_async((1, 2), expires=60))


@case
def expired_before_its_time() -> Any:
    return end(orders.add.apply_async((1, 2), countdown=1, expires=0.5))


@case
def a_time_to_run() -> Any:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=0.7)
    sent = time.time()
    result = orders.place.apply_async(("pear",), eta=soon)
    seen = end(result)
    took = time.time() - sent
    return [seen["state"], seen["value"]["types"]["eta"], 0.6 < took < PATIENCE]


@case
def a_soft_limit() -> Any:
    return ends(limits.slow.delay(True), limits.slow.delay(False))


@case
def a_hard_limit() -> Any:
    return end(limits.stuck.delay())
