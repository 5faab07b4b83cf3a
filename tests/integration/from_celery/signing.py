"""Signatures, and what is called when a task has ended."""

from __future__ import annotations

import json
from typing import Any

from shop import imports, mail, orders
from shop.celery import app

from .case import case, end, ends, journal, wait_until


@case
def signatures() -> Any:
    made = [
        orders.add.s(1, 2), orders.add.s(1), orders.add.si(1, 2), orders.add.signature((1, 2), countdown=0.1),
        orders.add.s(1, 2).set(queue="mail"), app.signature("shop.orders.add", args=(1, 2)), orders.add.s(y=1),
    ]  # fmt: skip
    results = [
        made[0].delay(), made[1].delay(2), made[2].delay(7, 8), made[3].apply_async(), made[4].apply_async(), made[5].delay(),
        made[6].apply_async((5,)), orders.add.s(1).apply_async((7,)), orders.add.s(1, y=2).apply_async(kwargs={"y": 9}),
    ]  # fmt: skip
    return ends(*results)


@case
def signatures_as_data() -> Any:
    signature = orders.add.s(1, y=2).set(queue="mail", countdown=0)
    stored = json.loads(json.dumps(signature))
    from_stored = app.signature(stored)
    clone = signature.clone(args=(9,), kwargs={"z": 1})
    return [
        {key: stored.get(key) for key in ("task", "args", "kwargs", "options", "subtask_type", "immutable")},
        [signature.task, list(signature.args), signature.kwargs, signature.immutable, repr(signature), str(signature)],
        [list(clone.args), clone.kwargs, list(signature.args), signature.kwargs],
        end(from_stored.apply_async()),
        [signature(), orders.add.s(1)(4), signature == orders.add.s(1, y=2).set(queue="mail", countdown=0)],
        [orders.add.si(1, 2).immutable, orders.add.s(1, immutable=True).kwargs],
    ]


@case
def links() -> Any:
    linked = orders.add.s(10)
    fixed = orders.total.si(1, 1)
    first = orders.add.apply_async((1, 2), link=linked)
    second = orders.add.apply_async((1, 2), link=fixed)
    signature = orders.add.s(1, 2)
    signature.link(orders.echo.s(more=True))
    third = signature.apply_async()
    return [ends(first, second, third), [ends(*result.children) for result in (first, second, third)]]


@case
def an_error_callback_called_where_it_failed() -> Any:
    return end(orders.charge.apply_async(("visa", "key"), link_error=orders.went_wrong.s()))


@case
def an_error_callback_sent_as_a_task() -> Any:
    result = orders.charge.apply_async(("visa", "key"), link=orders.echo.s(), link_error=orders.clean_up.s())
    wait_until(lambda: any(line["failed"] == result.id for line in journal("clean_up")))
    return end(result)


@case
def several_links() -> Any:
    first = orders.add.apply_async((1, 2), link=[orders.add.s(10), orders.echo.s()])
    second = imports.forget.apply_async((1,), link=orders.echo.s(ignored=True))
    wait_until(lambda: any(line["sender"]["task"] == "shop.orders.echo" for line in journal("task_success")))
    return [end(first), second.get(timeout=1)]


@case
def links_of_a_task_that_is_tried_again() -> Any:
    done = mail.send.apply_async(("ada", 1), link=orders.echo.s(), link_error=orders.went_wrong.s())
    failed = mail.send.apply_async(
        ("eve", 9), link=orders.echo.s(), link_error=[orders.went_wrong.s(), orders.clean_up.s()]
    )
    seen = ends(done, failed)
    wait_until(lambda: any(line["failed"] == failed.id for line in journal("clean_up")))
    return seen
