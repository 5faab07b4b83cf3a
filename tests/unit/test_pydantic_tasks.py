"""Tasks with ``pydantic=True``: models in, models out, and nothing lost on the way."""

from __future__ import annotations

import asyncio
import datetime
import inspect
import subprocess
import sys
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from kernelq import KernelQ, Task, hookimpl
from kernelq.contracts import EncodeError, ImproperlyConfigured
from kernelq.serialization import register_type
from kernelq_plugins.serializers import tags
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from typing_extensions import TypeAliasType

T = TypeVar("T")


class Address(BaseModel):
    city: str


class Order(BaseModel):
    item: str
    count: int = 1
    when: datetime.date | None = None
    to: Address | None = None


class BigOrder(Order):
    boss: str = "me"


class Page(BaseModel, Generic[T]):
    items: list[T]


class Told(BaseModel):
    """Keeps what the context says."""

    text: str

    @field_validator("text")
    @classmethod
    def add(cls, text: str, info: ValidationInfo) -> str:
        context: dict[str, Any] = info.context or {}
        return text if text.endswith("!") else f"{text} {context['greeting']} {context['kernelq_task_name']}!"


class Shouting(BaseModel):
    """Is read as another value than it was."""

    text: str

    @field_validator("text")
    @classmethod
    def louder(cls, text: str) -> str:
        return text + "!"


class Spelt(BaseModel):
    text: str

    def __json__(self) -> Any:
        return {"text": self.text.upper()}


Orders = TypeAliasType("Orders", list[Order | list["Orders"]])  # type: ignore[misc]  # what `type Orders = …` makes

ORDER = Order(item="tea", count=2, when=datetime.date(2026, 11, 21), to=Address(city="Ulm"))
DATA = {"item": "tea", "count": 2, "when": "2026-11-21", "to": {"city": "Ulm"}}


def ran(app: KernelQ, lane_of: Any, result: Any) -> Any:
    """The value of a call that a lane runs now."""
    lane_of(app).run()
    return result.get(timeout=30)


# --- in the worker


@pytest.mark.parametrize("argument", [DATA, ORDER], ids=["dict", "model"])
def test_an_argument_annotated_with_a_model_is_one_where_it_runs(app: KernelQ, lane_of: Any, argument: Any) -> None:
    seen = []

    @app.task(name="proj.place", pydantic=True)
    def place(order: Order, note: str = "none") -> str:
        seen.append(order)
        return note

    by_position = ran(app, lane_of, place.delay(argument))
    by_name = ran(app, lane_of, place.delay(note="quick", order=argument))

    assert seen == [ORDER, ORDER]
    assert (by_position, by_name) == ("none", "quick")


def test_a_body_holds_plain_data(app: KernelQ, lane: Any) -> None:
    @app.task(name="proj.place", pydantic=True)
    def place(order: Order) -> None: ...

    place.delay(ORDER)

    assert lane.take().message.body.startswith(
        b'[[{"item":"tea","count":2,"when":"2026-11-21","to":{"city":"Ulm"}}],{},'
    )


def test_a_bound_task_and_one_of_a_class_have_models_too(app: KernelQ, lane_of: Any) -> None:
    @app.task(name="proj.bound", bind=True, pydantic=True)
    def bound(self: Any, order: Order) -> str:
        return f"{self.name} {order.item}"

    class Placing(Task[..., Any]):
        name = "proj.placing"
        pydantic = True

        def run(self, order: Order) -> str:
            return f"{self.name} {order.item}"

    placing = app.register_task(Placing)

    assert ran(app, lane_of, bound.delay(ORDER)) == "proj.bound tea"
    assert ran(app, lane_of, placing.delay(ORDER)) == "proj.placing tea"


class Runs:
    @hookimpl
    def make_runner(self) -> Any:
        return asyncio.run


def test_a_coroutine_has_models_too(app: KernelQ, lane_of: Any) -> None:
    app.register_plugin(Runs())

    @app.task(name="proj.later", pydantic=True)
    async def later(order: Order) -> Order:
        return order.model_copy(update={"count": 7})

    assert ran(app, lane_of, later.delay(ORDER)) == {**DATA, "count": 7}


def test_a_model_may_be_the_argument_of_the_next_try(app: KernelQ, lane_of: Any) -> None:
    @app.task(name="proj.again", bind=True, pydantic=True)
    def again(self: Any, order: Order) -> int:
        if self.request.retries == 0:
            raise self.retry((order.model_copy(update={"count": 7}),), countdown=0)
        return order.count

    result = again.delay(ORDER)
    lane_of(app).run_all()

    assert result.get(timeout=30) == 7


def test_a_task_registered_after_the_first_call_has_models_too(app: KernelQ, lane_of: Any) -> None:
    app.finalize()

    @app.task(name="proj.place", pydantic=True)
    def place(order: Order) -> str:
        return order.item

    assert ran(app, lane_of, place.delay(ORDER)) == "tea"


def test_what_does_not_validate_is_the_failure_of_the_task(app: KernelQ, lane_of: Any) -> None:
    @app.task(name="proj.place", pydantic=True)
    def place(order: Order) -> None: ...

    result = place.delay({"item": "tea", "count": "many"})
    lane_of(app).run()

    assert result.state == "FAILURE"
    assert "count" in str(result.result)
    assert "unable to parse string as an integer" in str(result.result)


def test_arguments_are_checked_at_the_call_as_ever(app: KernelQ) -> None:
    @app.task(name="proj.place", pydantic=True)
    def place(order: Order) -> None: ...

    with pytest.raises(TypeError, match="place.. missing 1 required positional argument: 'order'"):
        place.delay()
    with pytest.raises(TypeError, match="unexpected keyword argument 'odrer'"):
        place.delay(odrer=ORDER)  # type: ignore[call-arg]


def test_without_checks_at_the_call_the_run_tells(app: KernelQ, lane_of: Any) -> None:
    @app.task(name="proj.place", pydantic=True, typing=False)
    def place(order: Order) -> None: ...

    result = place.delay({"item": "tea"}, 2)
    lane_of(app).run()

    assert isinstance(result.result, TypeError)


def test_a_task_is_called_in_process_with_models_or_dicts_and_keeps_its_face(app: KernelQ) -> None:
    def place(order: Order, count: int = 3) -> Order:
        """Place it."""
        return order

    task = app.task(name="proj.place", pydantic=True)(place)

    assert task(DATA) == DATA  # type: ignore[arg-type, comparison-overlap]
    assert task(ORDER) == DATA  # type: ignore[comparison-overlap]
    assert task.__wrapped__ is place
    assert inspect.unwrap(task.run) is place
    assert task.__doc__ == "Place it."
    assert inspect.signature(task.run) == inspect.signature(place)
    assert task.where().endswith(f":{place.__code__.co_firstlineno})")
    with pytest.raises(ValidationError):
        task({})  # type: ignore[arg-type]


# --- what annotations may say


@pytest.mark.parametrize(
    ("hint", "value", "data"),
    [
        (Order | None, ORDER, DATA),
        (Order | None, None, None),
        (list[Order], [ORDER, ORDER], [DATA, DATA]),
        (dict[str, list[Order]], {"a": [ORDER]}, {"a": [DATA]}),
        (Annotated[Order, Field(description="one")], ORDER, DATA),
        (Address | Order, ORDER, DATA),
        (Page[Order], Page[Order](items=[ORDER]), {"items": [DATA]}),
        (Orders, [ORDER], [DATA]),
        (Order | KernelQ, ORDER, DATA),
    ],
    ids=repr,
)
def test_models_are_found_inside_of_annotations(app: KernelQ, lane_of: Any, hint: Any, value: Any, data: Any) -> None:
    seen = []

    def keep(given):  # type: ignore[no-untyped-def]
        seen.append(given)

    keep.__annotations__["given"] = hint
    task = app.task(name="proj.keep", pydantic=True)(keep)

    ran(app, lane_of, task.delay(value))
    ran(app, lane_of, task.delay(data))

    assert seen == [value, value]


def test_tuples_stars_and_what_is_no_model(app: KernelQ, lane_of: Any) -> None:
    seen: list[Any] = []

    @app.task(name="proj.keep", pydantic=True)
    def keep(
        pair: tuple[Order, int], *more: Order, count: int, kind: type[Order] | Literal["x"], **named: Address
    ) -> None:
        seen.extend([pair, more, count, kind, named])

    result = keep.delay((ORDER, 1), ORDER, DATA, count="2", kind="x", here=Address(city="Bonn"), there={"city": "Kiel"})  # type: ignore[arg-type]
    ran(app, lane_of, result)

    assert seen == [
        (ORDER, 1), (ORDER, ORDER), "2", "x", {"here": Address(city="Bonn"), "there": Address(city="Kiel")},
    ]  # fmt: skip


def test_an_annotation_that_cannot_be_resolved_is_warned_of_and_harms_no_other(
    app: KernelQ, lane_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []

    @app.task(name="proj.keep", bind=True, pydantic=True)
    def keep(self: Unheard, order: Order, other: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821
        seen.extend([order, other])

    ran(app, lane_of, keep.delay(ORDER, {"a": 1}))

    assert seen == [ORDER, {"a": 1}]
    assert "task proj.keep: the annotation 'Missing' of its argument 'other' cannot be resolved" in caplog.text
    assert "Unheard" not in caplog.text


# --- options


def test_strict_takes_nothing_for_something_else(app: KernelQ, lane_of: Any) -> None:
    @app.task(name="proj.place", pydantic=True, pydantic_strict=True)
    def place(order: Order) -> int:
        return order.count

    result = place.delay({"item": "tea", "count": "2"})
    lane_of(app).run()

    assert "should be a valid integer" in str(result.result)
    assert ran(app, lane_of, place.delay({"item": "tea", "count": 2})) == 2


def test_validators_are_given_the_context(app: KernelQ, lane_of: Any) -> None:
    @app.task(name="proj.tell", pydantic=True, pydantic_context={"greeting": "hello"})
    def tell(told: Told) -> str:
        return told.text

    assert ran(app, lane_of, tell.delay({"text": "Rex"})) == "Rex hello proj.tell!"


def test_dump_options_hold_for_arguments_and_results(app: KernelQ, lane_of: Any) -> None:
    @app.task(name="proj.place", pydantic=True, pydantic_dump_kwargs={"exclude_none": True, "mode": "python"})
    def place(order: Order) -> Order:
        return order

    assert ran(app, lane_of, place.delay(Order(item="tea", when=ORDER.when))) == {
        "item": "tea", "count": 1, "when": datetime.date(2026, 11, 21),
    }  # fmt: skip


def test_the_option_may_come_by_annotations(app: KernelQ, lane_of: Any) -> None:
    app.conf.task_annotations = {"proj.place": {"pydantic": True}}

    @app.task(name="proj.place")
    def place(order: Order) -> Order:
        return order

    assert ran(app, lane_of, place.delay(ORDER)) == DATA


# --- results


@pytest.mark.parametrize(
    ("hint", "value", "stored"),
    [
        (Order, ORDER, DATA),
        (Order, BigOrder(item="tea"), {"item": "tea", "count": 1, "when": None, "to": None, "boss": "me"}),
        (Order | None, None, None),
        (Order | None, ORDER, DATA),
        (list[Order], [ORDER], [DATA]),
        (dict[str, tuple[Order, ...]], {"a": (ORDER,)}, {"a": (DATA,)}),
        (Order, {"no": "model"}, {"no": "model"}),
    ],
    ids=repr,
)
def test_returned_models_are_dumped(app: KernelQ, lane_of: Any, hint: Any, value: Any, stored: Any) -> None:
    def give():  # type: ignore[no-untyped-def]
        return value

    give.__annotations__["return"] = hint

    assert ran(app, lane_of, app.task(name="proj.give", pydantic=True)(give).delay()) == stored


@pytest.mark.parametrize("hint", [Address, list[Address], Any])
def test_a_returned_model_that_the_annotation_does_not_name_is_refused(app: KernelQ, lane_of: Any, hint: Any) -> None:
    def give():  # type: ignore[no-untyped-def]
        return ORDER

    give.__annotations__["return"] = hint
    result = app.task(name="proj.give", pydantic=True)(give).delay()
    lane_of(app).run()

    assert isinstance(result.result, EncodeError)
    assert "annotated with its class" in str(result.result)


# --- models that must not travel


def test_a_model_for_a_task_without_models_is_refused(app: KernelQ) -> None:
    @app.task(name="proj.place", pydantic=True)
    def place(order: Order) -> None: ...

    @app.task(name="proj.plain")
    def plain(order: Order) -> None: ...

    place.delay(ORDER)

    with pytest.raises(EncodeError, match=r"Order at \[0\]\[0\]: a model travels as an argument .* with pydantic=True"):
        plain.delay(ORDER)


def test_a_model_that_no_annotation_names_is_refused(app: KernelQ) -> None:
    @app.task(name="proj.place", pydantic=True)
    def place(order: Order, extra: Any = None) -> None: ...

    with pytest.raises(EncodeError, match=r"Address at \[1\]\['extra'\]: a model travels as an argument"):
        place.delay(ORDER, extra=Address(city="Ulm"))


@pytest.mark.parametrize(
    ("hint", "value", "why"),
    [
        (Order, BigOrder(item="tea"), "read as another value"),
        (Shouting, Shouting.model_construct(text="a"), "read as another value"),
        (Address, ORDER, "city"),
        (list[Order], [ORDER, Address(city="Ulm")], "item"),
    ],
    ids=repr,
)
def test_a_model_that_would_be_read_as_something_else_is_refused(app: KernelQ, hint: Any, value: Any, why: str) -> None:
    def keep(given):  # type: ignore[no-untyped-def]
        pass

    keep.__annotations__["given"] = hint
    task = app.task(name="proj.keep", pydantic=True)(keep)

    with pytest.raises(EncodeError, match=rf"the task reads its argument 'given' otherwise: (.|\n)*{why}"):
        task.delay(value)


def test_one_model_twice_in_a_call_travels_twice(app: KernelQ, lane_of: Any) -> None:
    @app.task(name="proj.same", pydantic=True)
    def same(one: Order, other: list[Order]) -> bool:
        return [one] == other

    assert ran(app, lane_of, same.delay(ORDER, [ORDER])) is True


def test_forms_of_its_own_come_first(app: KernelQ, lane_of: Any) -> None:
    class Named(BaseModel):
        model_config = ConfigDict(frozen=True)
        name: str

    register_type(Named, "named", lambda one: one.name, lambda name: Named(name=name))
    seen: list[Any] = []

    @app.task(name="proj.keep", pydantic=True)
    def keep(spelt: Spelt, named: Any) -> None:
        seen.extend([spelt, named])

    try:
        ran(app, lane_of, keep.delay(Spelt(text="a"), Named(name="b")))
    finally:
        del tags._encoders[Named], tags._decoders["named"], tags._owners["named"]

    assert seen == [Spelt(text="A"), Named(name="b")]


def test_pickle_takes_models_as_they_are(app: KernelQ, lane_of: Any) -> None:
    app.conf.accept_content = ["pickle"]

    @app.task(name="proj.keep", pydantic=True)
    def keep(order: Order) -> str:
        return type(order).__name__

    assert ran(app, lane_of, keep.apply_async((BigOrder(item="tea"),), serializer="pickle")) == "BigOrder"


# --- its cost


def test_pydantic_is_imported_for_tasks_with_models_only() -> None:
    script = """
import sys
from kernelq import KernelQ
app = KernelQ("proj", broker="memory://", backend="memory://")
plain = app.task(name="proj.plain")(print)
with_models = app.task(name="proj.models", pydantic=True)(lambda order: order)
plain.delay(1)
with_models.delay({})
assert "pydantic" not in sys.modules
assert "check_arguments" not in vars(plain) and "run" not in vars(plain)
sys.modules["pydantic"] = None
try:
    with_models({})
except Exception as error:
    print(type(error).__name__, error)
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 0, done.stderr
    assert ImproperlyConfigured.__name__ in done.stdout
    assert "the task 'proj.models' has pydantic=True, which needs pydantic" in done.stdout
    assert "pip install 'kernelq[pydantic]'" in done.stdout
