"""Calling tasks: what the caller passes, what the task is told, where it goes."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

from shop import limits, mail, orders, shared, stock, tenants
from shop.celery import app
from shop.journal import plain

from .case import PATIENCE, SOON, case, end, ends, refusal

# --- calling


@case
def delay() -> Any:
    return end(orders.total.delay(1, 2.5))


@case
def apply_async() -> Any:
    return ends(
        orders.add.apply_async((1, 2)),
        orders.add.apply_async([1], {"y": 5}),
        orders.add.apply_async(kwargs={"x": 1, "y": 1}),
    )


@case
def a_given_id() -> Any:
    given = str(uuid.uuid4())
    result = orders.add.apply_async((1, 2), task_id=given)
    return [
        result.id == given,
        str(result) == given,
        end(app.AsyncResult(given)),
        orders.add.AsyncResult(given).get(timeout=PATIENCE),
    ]


@case
def here_and_now() -> Any:
    return [orders.add(1, 2), orders.add.run(1, 2), stock.count("pear"), orders.kind(1), shared.multiply(2, 3)]


@case
def arguments_that_do_not_fit() -> Any:
    calls = (
        lambda: orders.add.delay(1),
        lambda: orders.add.delay(1, 2, 3),
        lambda: orders.add.delay(1, z=2),
        lambda: orders.place.delay(),
        lambda: orders.add.apply_async(10),
        lambda: orders.add.apply_async((1, 2), [1]),
    )
    return [refusal(call) for call in calls]


@case
def an_argument_that_is_no_json() -> Any:
    return refusal(lambda: orders.echo.delay(object()))


@case
def results_of_every_json_type() -> Any:
    values = [
        None,
        True,
        0,
        -5,
        2**53 + 1,
        1.5,
        "",
        "Grüße, 世界 🙂",
        [],
        {},
        [1, [2, {"a": [None]}]],
        {"1": {"b": False}},
    ]
    return ends(*[orders.echo.delay(value) for value in values])


@case
def arguments_beyond_json() -> Any:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    values = [
        (1, 2), {1: "a"}, datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6), datetime.datetime(2026, 1, 2, tzinfo=zone), datetime.time(1, 2),
        decimal.Decimal("1.10"), uuid.UUID(int=7), b"bytes",
    ]  # fmt: skip
    return ends(*[orders.kind.delay(value) for value in values])


@case
def results_beyond_json() -> Any:
    values = [
        datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        decimal.Decimal("1.10"),
        uuid.UUID(int=7),
        b"bytes",
    ]
    got = [orders.echo.delay(value).get(timeout=PATIENCE) for value in values]
    return [[type(value).__name__, repr(value)] for value in got]


@case
def a_result_that_is_no_json() -> Any:
    return end(orders.unwritable.delay())


@case
def send_task_by_name() -> Any:
    return ends(
        app.send_task("shop.orders.add", (3, 4)),
        app.send_task("order.place", ["pear"], {"customer": "x"}, queue="mail"),
    )


@case
def a_task_nobody_knows() -> Any:
    result = app.send_task("shop.nobody", (1,))
    return [refusal(lambda: result.get(timeout=SOON)), result.state]


@case
def names() -> Any:
    ours = sorted(name for name in app.tasks if not name.startswith(("celery.", "kernelq.")))
    return [
        ours,
        refusal(lambda: app.tasks["nope"]),
        orders.place.name,
        stock.move.name,
        shared.multiply.name,
        app.main,
    ]


@case
def shared_tasks() -> Any:
    return ends(shared.multiply.delay(6, 7), shared.whoami.delay(), app.tasks["library.whoami"].delay("you are"))


@case
def class_based_tasks() -> Any:
    count = ends(stock.count.delay("pear"), stock.count.delay("plum"), app.tasks["stock.count"].delay("fig"))
    return [count, isinstance(stock.move, stock.Move), end(stock.move.delay("pear")), stock.count.shelves]


@case
def a_base_class_with_a_say_in_each_call() -> Any:
    return ends(
        tenants.invoice.delay(1),
        tenants.invoice.apply_async((2,), headers={"more": "x"}),
        tenants.invoice.s(3).delay(),
        tenants.remind.delay(4),
        tenants.remind.s(5).apply_async(),
        app.send_task("shop.tenants.remind", (6,)),
    )


# --- what a task knows of its run


@case
def the_request() -> Any:
    return end(
        orders.place.apply_async(("pear",), {"customer": "x"}, shadow="a pear", time_limit=30, soft_time_limit=20)
    )


@case
def headers_of_the_caller() -> Any:
    return end(orders.place.apply_async(("pear",), headers={"customer": "7", "nested": {"a": [1]}}))


@case
def reprs_of_the_caller() -> Any:
    return end(orders.place.apply_async(("secret",), argsrepr="('***',)", kwargsrepr="{…}", countdown=0.1, expires=60))


@case
def time_limits_of_the_call() -> Any:
    options: list[dict[str, Any]] = [{}, {"time_limit": 9}, {"time_limit": 9, "soft_time_limit": 8}]
    return ends(*[limits.limits.apply_async(**given) for given in options])


@case
def a_task_called_by_a_task() -> Any:
    result = orders.fulfil.delay([1, 2])
    told = result.get(timeout=PATIENCE)
    children = result.children
    return [
        told["own"] == result.id == told["root"],
        [child.id for child in children] == [told["part"]],
        ends(*children),
        plain(list(result.collect())[-1][1]),
    ]


@case
def annotations() -> Any:
    return [orders.total.default_retry_delay, orders.add.default_retry_delay, orders.add.resultrepr_maxsize]


# --- where it goes


@case
def routes() -> Any:
    where = [
        orders.place.delay("pear"),
        orders.place.delay("pear", customer="big"),
        orders.place.apply_async(("pear",), {"customer": "big"}, queue="mail"),
        orders.place.s("pear").set(queue="stock").apply_async(),
    ]
    return [result.get(timeout=PATIENCE)["to"] for result in where]


@case
def routes_by_pattern() -> Any:
    return end(mail.send_changed.delay("ada", 4))
