"""The serializers json, msgpack, yaml and pickle: what goes in comes out, or is refused by name and place."""

from __future__ import annotations

import importlib.util
import json
import pickle
import sys
import threading
import uuid
from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernelq.contracts import DecodeError, EncodeError, ImproperlyConfigured, Serializer
from kernelq.serialization import register_type
from kernelq_plugins.serializers import tags
from kernelq_plugins.serializers.json import JsonSerializer
from kernelq_plugins.serializers.msgpack import MsgpackSerializer
from kernelq_plugins.serializers.pickle import PickleSerializer
from kernelq_plugins.serializers.restore import MAX_DEPTH
from kernelq_plugins.serializers.yaml import YamlSerializer

JSON = JsonSerializer()
MSGPACK = MsgpackSerializer()
YAML = YamlSerializer()
PICKLE = PickleSerializer()

TAGGED = pytest.mark.parametrize("serializer", [JSON, MSGPACK, YAML], ids=lambda one: one.name)
EVERY = pytest.mark.parametrize("serializer", [JSON, MSGPACK, YAML, PICKLE], ids=lambda one: one.name)


class Colour(Enum):
    RED = "red"
    BLUE = object()


class Access(Flag):
    READ = 1
    WRITE = 2


class Level(IntEnum):
    HIGH = 9


class Word(StrEnum):
    YES = "yes"


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


class Pixel(Point, Enum):
    ORIGIN = 0, 0


@dataclass(slots=True)
class Order:
    id: int
    at: Point
    lines: list[Any] = field(default_factory=list)
    scale: InitVar[int] = 1
    total: int = field(init=False, default=0)

    def __post_init__(self, scale: int) -> None:
        self.id *= scale


class Money:
    def __init__(self, amount: Decimal, currency: str) -> None:
        self.amount = amount
        self.currency = currency

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class Celsius:
    def __init__(self, degrees: Any) -> None:
        self.degrees = degrees

    def __json__(self) -> Any:
        return self.degrees


class Endless:
    def __json__(self) -> Any:
        return self


class Broken:
    def __json__(self) -> Any:
        raise LookupError("no form today")


class Text(str):
    pass


Pair = namedtuple("Pair", "left right")


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def same(left: Any, right: Any) -> bool:
    """Equal, with the same types all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, datetime | time):
        return bool(left == right and left.utcoffset() == right.utcoffset())
    return bool(left == right)


# --- round trips ---------------------------------------------------------------------------------

OFFSETS = st.integers(-86_399, 86_399).map(lambda seconds: timezone(timedelta(seconds=seconds)))
HASHABLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**200), 2**200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary(),
    st.datetimes(timezones=st.none() | OFFSETS).map(lambda moment: moment.replace(fold=0)),
    st.dates(),
    st.times(timezones=st.none() | OFFSETS).map(lambda moment: moment.replace(fold=0)),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.sampled_from([Colour.RED, Colour.BLUE, Access.READ | Access.WRITE, Access(0), Pixel.ORIGIN]),
    st.builds(Point, st.integers(), st.integers()),
)
KEYS = st.text() | st.sampled_from(["__type__", "__value__", "__class__"])
VALUES = st.recursive(
    HASHABLE | st.frozensets(HASHABLE, max_size=3) | st.sets(HASHABLE, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.fixed_dictionaries({"__type__": inner, "__value__": inner})
    ),
    max_leaves=12,
)


@TAGGED
@settings(max_examples=60, deadline=None)
@given(value=VALUES)
def test_every_value_comes_back_equal_and_of_its_type(serializer: Serializer, value: Any) -> None:
    assert same(serializer.loads(serializer.dumps(value)), value)


@EVERY
def test_a_task_body_comes_back(serializer: Serializer) -> None:
    body = [[1, "two", 3.5], {"when": None}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]

    assert serializer.loads(serializer.dumps(body)) == body


@EVERY
def test_ints_of_any_size_come_back(serializer: Serializer) -> None:
    value = [2**63, 2**64, -(2**63) - 1, 2**2048, -(2**2048) - 1, 10**5000]

    assert serializer.loads(serializer.dumps(value)) == value


@TAGGED
def test_a_dataclass_comes_back_without_running_its_init_again(serializer: Serializer) -> None:
    order = Order(1, Point(1, 2), [Point(3)], scale=10)

    back = serializer.loads(serializer.dumps(order))

    assert back == order
    assert type(back.lines[0]) is Point


@TAGGED
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Text("é"), "é"),
        (Level.HIGH, 9),
        (Word.YES, "yes"),
        (bytearray(b"\xff"), b"\xff"),
        pytest.param(memoryview(b"raw"), b"raw", id="memoryview"),
        (OrderedDict(a=Text("b")), {"a": "b"}),
        (Pair(1, 2), (1, 2)),
        ({Text("key"): 1}, {"key": 1}),
    ],
    ids=repr,
)
def test_a_subclass_comes_back_as_the_type_above_it(serializer: Serializer, value: Any, expected: Any) -> None:
    assert same(serializer.loads(serializer.dumps([value])), [expected])


def test_keys_that_are_not_strings_become_strings_in_json() -> None:
    value = {2: "a", 2.5: "b", True: "c", None: "d", Level.HIGH: "e"}

    back = JSON.loads(JSON.dumps(value))

    assert back == {"2": "a", "2.5": "b", "true": "c", "null": "d", "9": "e"}
    assert back == json.loads(json.dumps(value))


@pytest.mark.parametrize("serializer", [MSGPACK, YAML], ids=lambda one: one.name)
def test_keys_that_are_not_strings_are_kept_in_msgpack_and_yaml(serializer: Serializer) -> None:
    value = {2: "a", 2.5: "b", True: "c", None: "d", b"\xff": "e"}

    assert same(serializer.loads(serializer.dumps(value)), value)


@pytest.mark.parametrize("serializer", [MSGPACK, YAML], ids=lambda one: one.name)
def test_nan_and_infinity_come_back_in_msgpack_and_yaml(serializer: Serializer) -> None:
    nan, infinity = serializer.loads(serializer.dumps([float("nan"), float("-inf")]))

    assert nan != nan
    assert infinity == float("-inf")


# --- the wire ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "tag", "payload"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "datetime", "2026-01-02T03:04:05.000006+00:00"),
        (date(2026, 1, 2), "date", "2026-01-02"),
        (time(3, 4), "time", "03:04:00"),
        (Decimal("1.10"), "decimal", "1.10"),
        (uuid.UUID(int=4, version=4), "uuid", {"hex": "00000000000040008000000000000004", "version": 4}),
        (b"text", "bytes", "text"),
        (b"\xff", "base64", "/w=="),
    ],
    ids=repr,
)
def test_json_writes_and_reads_the_tags_of_celery(value: Any, tag: str, payload: Any) -> None:
    tagged = {"__type__": tag, "__value__": payload}

    assert json.loads(JSON.dumps([value])) == [tagged]
    assert same(JSON.loads(json.dumps([tagged]).encode()), [value])


def test_a_big_int_is_a_plain_number_in_json() -> None:
    assert JSON.dumps([2**70]) == b"[1180591620717411303424]"


def test_a_dict_that_merely_has_a_type_key_is_written_as_it_is() -> None:
    assert json.loads(JSON.dumps({"__type__": "car"})) == {"__type__": "car"}


def test_of_duplicate_keys_the_last_one_counts() -> None:
    assert JSON.loads(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    ("serializer", "name", "content_type", "encoding", "is_trusted"),
    [
        (JSON, "json", "application/json", "utf-8", True),
        (MSGPACK, "msgpack", "application/x-msgpack", "binary", True),
        (PICKLE, "pickle", "application/x-python-serialize", "binary", False),
        (YAML, "yaml", "application/x-yaml", "utf-8", False),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_content_types_are_those_of_the_field(
    serializer: Serializer, name: str, content_type: str, encoding: str, is_trusted: bool
) -> None:
    assert serializer.name == name
    assert serializer.content_type == content_type
    assert serializer.content_encoding == encoding
    assert serializer.is_trusted is is_trusted


# --- refused on writing --------------------------------------------------------------------------


@TAGGED
def test_an_unserialisable_value_is_refused_by_place_and_type(serializer: Serializer) -> None:
    with pytest.raises(EncodeError, match=r"cannot serialise _thread\.lock at \[0\]\['when'\]: ") as caught:
        serializer.dumps([{"when": threading.Lock()}])

    assert caught.value.path == "[0]['when']"


@TAGGED
def test_the_place_inside_a_dataclass_is_named_by_its_field(serializer: Serializer) -> None:
    with pytest.raises(EncodeError) as caught:
        serializer.dumps([Order(1, Point(1), [0, object()])])

    assert caught.value.path == "[0]['lines'][1]"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_refuses_numbers_that_it_lacks(number: float) -> None:
    with pytest.raises(EncodeError, match=rf"cannot serialise {number!r} at \[0\]\['ratio'\]: JSON has no such"):
        JSON.dumps([{"ratio": number}])


@TAGGED
@pytest.mark.parametrize("key", [(1, 2), date(2026, 1, 1), Colour.RED], ids=repr)
def test_a_key_of_another_type_is_refused(serializer: Serializer, key: Any) -> None:
    with pytest.raises(EncodeError, match=r"cannot serialise a key of type .* at \[0\]: keys are"):
        serializer.dumps([{key: 1}])


@pytest.mark.parametrize("key", [float("nan"), 10**5000], ids=["nan", "huge"])
def test_json_refuses_a_number_it_lacks_as_a_key(key: Any) -> None:
    with pytest.raises(EncodeError):
        JSON.dumps({key: 1})


def test_json_refuses_two_keys_that_become_one() -> None:
    with pytest.raises(EncodeError, match="cannot serialise the key '1': another key is written '1' too"):
        JSON.dumps({1: "a", "1": "b"})


@TAGGED
@pytest.mark.parametrize("value", [["\ud800"], [{"\ud800": 1}]], ids=["value", "key"])
def test_text_with_a_lone_surrogate_is_refused(serializer: Serializer, value: Any) -> None:
    with pytest.raises(EncodeError, match=r"cannot serialise str at \[0\]: it holds a lone surrogate"):
        serializer.dumps(value)


@TAGGED
def test_a_class_defined_in_a_function_is_refused(serializer: Serializer) -> None:
    @dataclass
    class Local:
        x: int = 1

    with pytest.raises(EncodeError, match=r"define it at the top level of a module"):
        serializer.dumps(Local())


@TAGGED
def test_a_value_that_holds_itself_is_refused(serializer: Serializer) -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(EncodeError, match=r"or inside itself") as caught:
        serializer.dumps(value)

    assert len(caught.value.path) < 100


def test_a_long_path_is_shown_by_its_beginning() -> None:
    with pytest.raises(EncodeError) as caught:
        JSON.dumps([[[[[[[[[[[[[[[object()]]]]]]]]]]]]]]])

    assert caught.value.path == "[0]" * 12 + "…"


# --- __json__ and register_type ------------------------------------------------------------------


@TAGGED
def test_what_the_json_method_gives_travels_in_the_objects_place(serializer: Serializer) -> None:
    value = [Celsius(21), Celsius({"deep": Celsius((1,))})]

    assert serializer.loads(serializer.dumps(value)) == [21, {"deep": (1,)}]


@TAGGED
def test_a_json_method_that_gives_itself_is_refused(serializer: Serializer) -> None:
    with pytest.raises(EncodeError):
        serializer.dumps([Endless()])


@TAGGED
def test_a_json_method_that_raises_is_refused_by_place(serializer: Serializer) -> None:
    with pytest.raises(EncodeError, match=r"Broken at \[0\]: LookupError\('no form today'\)") as caught:
        serializer.dumps([Broken()])

    assert isinstance(caught.value.__cause__, LookupError)


@pytest.fixture
def money() -> Iterator[type[Money]]:
    register_type(Money, "money", lambda one: [one.amount, one.currency], lambda pair: Money(*pair))
    yield Money
    del tags._encoders[Money], tags._decoders["money"], tags._owners["money"]


@TAGGED
def test_a_registered_type_comes_back(serializer: Serializer, money: type[Money]) -> None:
    value = [Money(Decimal("1.5"), "EUR")]

    assert serializer.loads(serializer.dumps(value)) == value


def test_registering_a_type_again_replaces_its_functions(money: type[Money]) -> None:
    register_type(money, "money", lambda one: one.currency, lambda text: Money(Decimal(0), text))

    assert JSON.loads(JSON.dumps(Money(Decimal(7), "EUR"))) == Money(Decimal(0), "EUR")


def test_a_tag_belongs_to_one_class(money: type[Money]) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"the type tag 'money' belongs to .*\.Money"):
        register_type(Celsius, "money", str, Celsius)
    with pytest.raises(ImproperlyConfigured, match="the type tag 'set' belongs to kernelq"):
        register_type(Celsius, "set", str, Celsius)


def test_a_type_that_formats_know_cannot_be_registered() -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot register dict"):
        register_type(dict, "mydict", str, dict)


# --- refused on reading --------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\xff", b"[1", b'"\xff"', b"NaN", b"9" * 5000, b"[" * 100_000])
def test_bytes_that_are_not_json_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="not JSON: "):
        JSON.loads(data)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\x01", b"\xa1\xff", b"\x91" * 100_000])
def test_bytes_that_are_not_msgpack_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="not msgpack: "):
        MSGPACK.loads(data)


@pytest.mark.parametrize("data", [b"[1", b"\xff\xfe\xfd", b"!!bool maybe", b"!!python/name:os.system", b"[" * 5000])
def test_bytes_that_are_not_safe_yaml_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="not YAML: "):
        YAML.loads(data)


def test_yaml_aliases_are_refused() -> None:
    with pytest.raises(DecodeError, match="aliases are refused"):
        YAML.loads(b"[&a [1], *a]")


@pytest.mark.parametrize("data", [b"", b"nonsense", pickle.dumps([1])[:-3], b"cno_such_module\nThing\n."])
def test_bytes_that_are_no_pickle_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="not a pickle that can be read here"):
        PICKLE.loads(data)


@TAGGED
@settings(max_examples=60, deadline=None)
@given(data=st.binary())
def test_random_bytes_are_read_or_refused_and_nothing_else(serializer: Serializer, data: bytes) -> None:
    try:
        serializer.loads(data)
    except DecodeError:
        pass


@pytest.mark.parametrize("tag", [*sorted(tags._decoders), "unheard-of", None, 1, [], {}], ids=repr)
@pytest.mark.parametrize("payload", [None, -1, "x", [[]], {}, {"__class__": 1}, {"hex": 5}], ids=repr)
def test_a_tag_with_a_wrong_payload_is_read_or_refused_and_nothing_else(tag: Any, payload: Any) -> None:
    try:
        JSON.loads(json.dumps({"__type__": tag, "__value__": payload}).encode())
    except DecodeError:
        pass


def test_an_unknown_tag_is_refused_by_name() -> None:
    with pytest.raises(DecodeError, match=r"unknown type tag 'money'; it may need a register_type\(\)"):
        JSON.loads(b'{"__type__": "money", "__value__": 1}')


def tagged_class(tag: str, path: str, **parts: Any) -> bytes:
    return json.dumps({"__type__": tag, "__value__": {"__class__": path, **parts}}).encode()


def test_reading_imports_no_module() -> None:
    sys.modules.pop("this", None)

    with pytest.raises(DecodeError, match="module 'this' is not imported here"):
        JSON.loads(tagged_class("enum", "this:Zen", name="X"))

    assert "this" not in sys.modules


def test_reading_asks_no_module_for_names_it_would_import() -> None:
    sys.modules.pop("kernelq.worker", None)

    with pytest.raises(DecodeError, match="module 'kernelq' has no such class"):
        JSON.loads(tagged_class("dataclass", "kernelq:NoSuchName"))


@pytest.mark.parametrize(
    ("tag", "path", "complaint"),
    [
        ("enum", "builtins:dict", "expected an enum"),
        ("enum", f"{__name__}:Point", "expected an enum"),
        ("dataclass", "subprocess:Popen", "expected a dataclass"),
        ("dataclass", "os:system", "expected a dataclass"),
        ("dataclass", f"{__name__}:Colour", "expected a dataclass"),
    ],
)
def test_only_real_enums_and_dataclasses_are_made(tag: str, path: str, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        JSON.loads(tagged_class(tag, path, name="RED"))


def test_a_member_that_is_gone_is_refused() -> None:
    with pytest.raises(DecodeError, match="GREEN"):
        JSON.loads(tagged_class("enum", f"{__name__}:Colour", name="GREEN"))


def test_a_field_the_sender_did_not_know_takes_its_default() -> None:
    value = JSON.loads(tagged_class("dataclass", f"{__name__}:Order", id=1, at=None))

    assert (value.lines, value.total) == ([], 0)


def test_a_missing_field_without_a_default_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"the field 'x' of .*Point is missing and has no default"):
        JSON.loads(tagged_class("dataclass", f"{__name__}:Point", y=1))


def test_a_field_unknown_here_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"Point has no field 'z' here"):
        JSON.loads(tagged_class("dataclass", f"{__name__}:Point", x=1, z=3))


# --- depth ---------------------------------------------------------------------------------------


@TAGGED
def test_the_deepest_value_that_may_be_written_may_be_read(serializer: Serializer) -> None:
    value = nested(MAX_DEPTH)
    tagged: Any = ()
    for _ in range(MAX_DEPTH // 2 - 1):
        tagged = (tagged,)

    assert serializer.loads(serializer.dumps(value)) == value
    assert serializer.loads(serializer.dumps(tagged)) == tagged


@TAGGED
def test_one_level_more_is_refused_on_writing(serializer: Serializer) -> None:
    with pytest.raises(EncodeError, match="nested deeper than 256 levels"):
        serializer.dumps(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize("inner", [b"", b'{"__type__":1,"x":2}'], ids=["plain", "with tags"])
def test_one_level_more_is_refused_on_reading_json(inner: bytes) -> None:
    levels = MAX_DEPTH + (0 if inner else 1)

    with pytest.raises(DecodeError, match="nested deeper than 256 levels"):
        JSON.loads(b"[" * levels + inner + b"]" * levels)


def test_one_level_more_is_refused_on_reading_msgpack() -> None:
    with pytest.raises(DecodeError, match="nested deeper than 256 levels"):
        MSGPACK.loads(b"\x91" * MAX_DEPTH + b"\x90")


def test_brackets_inside_text_are_no_levels() -> None:
    value = ["[{" * 1000]

    assert JSON.loads(JSON.dumps(value)) == value


@TAGGED
def test_little_stack_left_is_an_error_of_ours(serializer: Serializer) -> None:
    def dive(levels: int) -> None:
        if levels:
            dive(levels - 1)
        else:
            serializer.dumps([(nested(200),)])

    depth = sys.getrecursionlimit() - 300
    with pytest.raises((EncodeError, RecursionError)) as caught:
        dive(depth - len(list(iter_frames())))

    assert isinstance(caught.value, EncodeError)


def iter_frames() -> Iterator[Any]:
    frame = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back  # type: ignore[assignment]


# --- pickle and yaml -----------------------------------------------------------------------------


def test_pickle_names_the_place_of_what_cannot_be_pickled() -> None:
    with pytest.raises(EncodeError, match=r"cannot pickle lock at \[0\]\['when'\]: ") as caught:
        PICKLE.dumps([{"now": 1, "when": threading.Lock()}])

    assert caught.value.path == "[0]['when']"


def test_pickle_refuses_what_holds_itself_and_a_lock() -> None:
    value: list[Any] = []
    value.extend([value, threading.Lock()])

    with pytest.raises(EncodeError, match="cannot pickle"):
        PICKLE.dumps(value)


def test_without_pyyaml_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    spec = importlib.util.find_spec("kernelq_plugins.serializers.yaml")
    assert spec is not None
    assert spec.loader is not None

    with pytest.raises(ImportError, match=r"pip install 'kernelq\[yaml\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_yaml_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "kernelq_plugins.serializers.yaml", raising=False)

    with pytest.raises(ModuleNotFoundError, match=r"try: pip install 'kernelq\[yaml\]'") as raised:
        import_module("kernelq_plugins.serializers.yaml")

    assert raised.value.name == "yaml"  # by which `kernelq plugins check` knows that it is not broken
