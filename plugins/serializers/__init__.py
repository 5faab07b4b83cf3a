"""Serializers: the drivers ``json``, ``msgpack``, ``pickle`` and ``yaml``.

Install: json, msgpack and pickle come with KernelQ; yaml needs ``pip install 'kernelq[yaml]'``.

Choose one by name: ``task_serializer``, ``result_serializer``, ``apply_async(serializer=…)``. A worker
reads what ``accept_content`` lists. pickle can run code when it is read, and yaml is costly to read:
neither is trusted, so both are refused unless listed there.

What goes in comes out, with its type, by json, msgpack and yaml alike: None, bool, int of any size, float,
str, list, dict, bytes, tuple, set, frozenset, datetime, date, time, timedelta, Decimal, UUID, members of
enums and instances of dataclasses. Everything JSON lacks travels as ``{"__type__": tag, "__value__": …}``.
The tags of datetime, date, time, Decimal, UUID and bytes are those of Celery, so a Celery peer reads
them; the other tags are ours, and a Celery peer refuses them.

What changes on its way:

- A subclass comes back as the nearest class above: an ``OrderedDict`` as dict, a named tuple as tuple,
  a bytearray or memoryview as bytes. Members of ``IntEnum``, ``StrEnum`` and the like come back as the
  number or string they are equal to, which is what Celery sends for them.
- A datetime keeps its offset from UTC and loses the name of its zone and its ``fold``.
- By json, dict keys become strings, as with Celery: ``1`` → ``"1"``, ``True`` → ``"true"``, ``None`` →
  ``"null"``. Two keys that become the same are refused. msgpack and yaml keep such keys. Any other kind of
  key (a tuple, a date) is refused by all three.

What is refused with an error naming the place, such as ``[0]['when']``: an object of any other class, a NaN
or infinity by json (it has no such numbers), text with lone surrogates, nesting deeper than 256 levels,
a class defined inside a function.

Own types have two ways. A method ``__json__(self)`` gives what travels in the object's place. Or a tag of
your own brings the object back; call this in a module that both clients and workers import::

    from kernelq.serialization import register_type

    register_type(Money, "money", lambda money: [str(money.amount), money.currency], lambda pair: Money(*pair))

Own serializers: two functions under a name, by `kernelq.serialization.register`, named in ``accept_content``::

    from kernelq.serialization import register

    register("cbor", cbor2.dumps, cbor2.loads, "application/cbor", content_encoding="binary")

Reading imports nothing: an enum or a dataclass is made only if its module is imported already, and only
if the name really is an enum or a dataclass. A dataclass gets its fields back without ``__init__`` and
``__post_init__``; fields that the sender did not know take their defaults, fields unknown here are
refused. A dict of the user that looks like a tag is escaped and comes back unharmed.

Not here: compression, signatures, schemas, a limit on the size of a message.
"""

from __future__ import annotations

from kernelq import hookimpl
from kernelq.contracts import Serializer

DRIVERS = {
    "application/json": "json",
    "application/x-msgpack": "msgpack",
    "application/x-python-serialize": "pickle",
    "application/x-yaml": "yaml",
}
"""Content type → the driver of this plugin that has it."""


@hookimpl
def make_serializer(name: str) -> Serializer | None:
    """One that was registered (`kernelq.serialization.register`), by name or content type."""
    from .registered import registered

    return registered(name)
