"""What the engine of family ``redis`` offers its broker and its stores, beside `kernelq.contracts.Engine`.

Drivers take it from `kernelq.redis`. A store takes part in the end of an attempt like this:

    STORE = Fragment("redis.call('SET', args[1], args[2])")

    def apply_within(self, handle: Within, ops):
        for op in ops:
            handle.add(STORE, self._space, [self._space.key(op.name), op.value])
        return ()
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from kernelq.contracts import BackendError, BackendUnavailable, BrokerError, BrokerFull, BrokerUnavailable

Word = str | bytes | int | float
"""An argument of a command."""

Ring = Callable[[str], None]
"""What the engine calls with a channel, on a thread of its own: brief, and it never raises."""


class Script:
    """A Lua script, made of parts that are put one after the other.

    KEYS[1] is the prefix of the caller's keys. ARGV[1] is "1" when the same call may have been carried out before,
    its answer being lost, and "0" otherwise: see `Space.run`.
    """

    def __init__(self, *parts: str) -> None:
        self.source = "\n".join(parts)

    @cached_property
    def sha(self) -> str:
        """What the server calls it."""
        return hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


class Call(NamedTuple):
    """One of the calls of `Space.run_many`; each field as in `Space.run`."""

    script: Script
    args: Sequence[Word] = ()
    repeated: bool = False
    may_repeat: bool = True


class Fragment:
    """What a store does as part of the broker's script: the body of a Lua function of `args`, a list of strings.

    It runs with the store's own database selected, after the delivery it belongs to was found held, in the script that
    settles it. It must be idempotent: when another fragment of the script fails, it runs again. All keys it touches begin
    with the store's prefix, and come in `args` or are made of what does. It returns nothing, or messages to be
    published: a flat list of queue, priority, eta (number or false), key and packed message of each.
    """

    def __init__(self, body: str) -> None:
        self.body = body


@dataclass(slots=True)
class Guard:
    """What decides, in the script that publishes, whether messages are published: the session of `Broker.publish_within`.

    The fragment returns 1 to have them published, else another number. It runs once, before anything is published: what it writes and
    the messages become visible together.
    """

    fragment: Fragment
    space: Space
    args: Sequence[Word]
    answer: int = 0
    """What the fragment returned."""


class Space(Protocol):
    """Where one driver keeps its keys: a prefix in a database of an engine. Any thread may use it."""

    prefix: str
    """How all its keys begin; ends with a colon and has a hash tag."""
    db: int

    def key(self, name: str) -> str:
        """A key of this space."""

    def run(self, script: Script, args: Sequence[Word] = (), *, repeated: bool = False, may_repeat: bool = True) -> Any:
        """Run a script; when the connection breaks, once more on another one, with ARGV[1] set to "1".

        `repeated` says that the caller sent the same before. Without `may_repeat` a broken connection is the caller's affair.

        Raises:
            BrokerUnavailable, BrokerRefused, BrokerFull, BrokerError: as their names say.
        """

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts, in order, in one round trip; what each answered, or the error that `run` would raise.

        They are no transaction: one that fails keeps none from running, and others may run in between. When the connection
        breaks, those that were answered are done; the others are sent once more together, ARGV[1] being "1", but for those
        that may not be repeated. One the server had forgotten is carried out after the others.
        """

    @property
    def transacts(self) -> bool:
        """Whether there is `run_then`: not on a cluster, behind Sentinels, or for a user who may not. Raises as `run`."""

    def run_then(self, script: Script, args: Sequence[Word], commands: Sequence[Sequence[Word]]) -> Any:
        """Run a script and after it commands, as one transaction: what is long need not pass through Lua.

        Gives what the script answers. A broken connection is the caller's affair. The commands are carried out also
        when the script fails. Raises as `run`.
        """

    def call(self, *words: Word) -> Any:
        """Run one command whose second word is a key; twice must be as good as once. Raises as `run`."""

    def tap(self) -> Tap | None:
        """The tap of this process and database; None while somebody has it, or where none can be: `listen` then."""

    def describe(self) -> Mapping[str, Any]:
        """What the server says of itself (INFO), of the node that has these keys. Raises as `run`."""

    def settings(self, *names: str) -> Mapping[str, str] | None:
        """Settings of that server (CONFIG GET); None when it does not show them to us. Raises as `run`."""


class Subscription(Protocol):
    """One channel, heard by the thread that waits for it. All but `wake` is for that thread."""

    @property
    def is_heard(self) -> bool:
        """Whether it stands; while it does not, look by yourself."""

    def open(self) -> None:
        """Subscribe, if that is not so and it was not tried just now; who looks after this misses nothing. Never raises."""

    def wait(self, timeout: float) -> bool:
        """Until something is said in the channel, `wake` is called or the connection breaks: True; or for `timeout` seconds."""

    def wake(self) -> None:
        """End the wait, or the next one. From any thread."""

    def close(self) -> None:
        """Be subscribed no more."""


class Tap(Protocol):
    """A subscription that one thread reads by itself while it waits for one key: the quickest way to hear of it.

    The key's channel has its name; what is said there is what the key holds, or nothing, and then the key is read.
    An error leaves it fit to be tuned again. Raises as `Space.run`.
    """

    def tune(self, key: str) -> bytes | None:
        """Listen to the channel of this key and no other; gives what the key holds once that is so."""

    def wait(self, timeout: float) -> bytes | None:
        """What the key holds, once something was said of it; None when nothing was for `timeout` seconds.

        Earlier, what it held all the time, after some seconds in which nothing was heard.
        """

    def end(self) -> None:
        """Leave it to others."""


class Listener(Protocol):
    """Somebody's interest in some channels."""

    @property
    def is_heard(self) -> bool:
        """Whether the subscription stands; while it does not, look by yourself."""

    def leave(self, channels: Collection[str]) -> None:
        """Be interested in these no more."""


class RedisEngine(Protocol):
    """What the engine of family ``redis`` offers beside `Engine`."""

    def space(self, url: str, options: Mapping[str, Any]) -> Space:
        """Where the driver with this URL and these transport options keeps its keys.

        Raises:
            ImproperlyConfigured: an option that cannot be used.
        """

    def listen(self, channels: Collection[str], ring: Ring) -> Listener:
        """Have `ring(channel)` called for each channel once it is subscribed, and then whenever something is said there.

        So who looks after each ring misses nothing, also over lost connections. Returns at once.
        """

    def subscribe(self, channel: str) -> Subscription:
        """A subscription of the caller's own, on a connection of its own; not open yet."""


class Within(Protocol):
    """The script that settles one delivery, while it is put together; `handle` of `Store.apply_within`."""

    def add(self, fragment: Fragment, space: Space, args: Sequence[Word]) -> None:
        """Have `fragment` run in that space's database, if the delivery is still held."""


@contextmanager
def store_errors() -> Iterator[None]:
    """A block, or a function decorated with it, of a store: the engine's errors, which speak of brokers, leave it as
    `BackendUnavailable`, or as `BackendError` where trying again is no use."""
    try:
        yield
    except (BrokerUnavailable, BrokerFull) as error:
        raise BackendUnavailable(str(error)) from error
    except BrokerError as error:
        raise BackendError(str(error)) from error
