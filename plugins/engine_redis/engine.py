"""`RedisEngine`: the calls of broker, backend and stores, on connections that they share."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from kernelq.contracts import BrokerError, Engine, ImproperlyConfigured
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from .address import parse
from .bell import Bell, Ear
from .clients import HEALTH_CHECK_INTERVAL, MAX_CONNECTIONS, make_client, make_connection, make_subscriber
from .contract import Call, Ring, Script, Word
from .errors import ERRORS, broker_errors, may_be_sent_again, translate
from .space import ALIASES, RedisSpace, prefix_of
from .subscription import Subscription
from .tap import Tap
from .wires import ThroughLibrary, Wires, can_be_bare

log = logging.getLogger(__name__)

OPTIONS = frozenset(
    {
        "prefix",
        "master",
        "max_connections",
        "socket_timeout",
        "health_check_interval",
        "sentinel_kwargs",
        "allow_eviction",
    }
)
"""What transport options may say, by their names in a URL."""


class RedisEngine(Engine):
    """One server, master or cluster. Thread-safe; connects on first use, in each process anew."""

    family: ClassVar[str] = "redis"
    _transacts: bool | None  # whether our user may; None until it was asked

    def __init__(self, url: str) -> None:
        self._address = parse(url)
        self._options: dict[str, Any] = dict(self._address.options)
        self._prefix: str | None = None  # of the first space
        self._start()

    @classmethod
    def canonical(cls, url: str) -> str:
        return parse(url).identity

    def space(self, url: str, options: Mapping[str, Any]) -> RedisSpace:
        """Where the driver with this URL and these transport options keeps its keys; see `kernelq.redis.RedisEngine`."""
        address = parse(url)
        named = {ALIASES.get(name, name): value for name, value in options.items()}
        unknown = sorted(set(named) - OPTIONS)
        if unknown:
            log.warning("Redis at %s: transport options without a meaning here: %s", self.where, ", ".join(unknown))
        given = {**named, **address.options}
        self._take_options(given)
        prefix = prefix_of(given.get("prefix"))
        self._check_prefix(prefix)
        return RedisSpace(self, prefix, address.db)

    def listen(self, channels: Collection[str], ring: Ring) -> Ear:
        """Be told of what is said in channels; see `kernelq.redis.RedisEngine`."""
        bell = self._bell
        bell.join(channels, ring)
        return Ear(bell, ring)

    def subscribe(self, channel: str) -> Subscription:
        """One channel on a connection of its own; see `kernelq.redis.RedisEngine`."""
        return Subscription(self._make_subscriber, self.where, channel)

    def run(
        self, db: int, script: Script, prefix: str, args: Sequence[Word], *, repeated: bool, may_repeat: bool
    ) -> Any:
        """Run a script in a database; see `kernelq.redis.Space.run`."""
        wires = self._wires.get(db) or self._connect(db)
        try:
            return wires.ask(("EVALSHA", script.sha, 1, prefix, "1" if repeated else "0", *args))
        except ERRORS as error:
            first = error  # its name ends with the clause
        [answer] = self._run_again(db, prefix, [Call(script, args, repeated, may_repeat)], [first])
        if isinstance(answer, BrokerError):
            raise answer from answer.__cause__
        return answer

    def run_many(self, db: int, prefix: str, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in a database, in one round trip; see `kernelq.redis.Space.run_many`."""
        return self._run_again(db, prefix, calls, self._send(db, prefix, calls))

    def transacts(self, db: int) -> bool:
        """Whether there is `run_then`; the first time the server is asked. See `kernelq.redis.Space.transacts`."""
        if self._transacts is None:
            with broker_errors(self.where):
                answers = self._connect(db).ask_many([("MULTI",), ("DISCARD",)]) if self.is_bare else [ResponseError()]
                errors = [answer for answer in answers if isinstance(answer, Exception)]
                for error in errors:
                    if not isinstance(error, ResponseError):
                        raise error
            self._transacts = not errors
        return self._transacts

    def run_then(
        self, db: int, prefix: str, script: Script, args: Sequence[Word], commands: Sequence[Sequence[Word]]
    ) -> Any:
        """Run a script and commands in a transaction; see `kernelq.redis.Space.run_then`."""
        # With its text: a script the server does not know would be found missing when the commands are carried out.
        first = ("EVAL", script.source, 1, prefix, "0", *args)
        with broker_errors(self.where):
            answers = self._connect(db).ask_many([("MULTI",), first, *commands, ("EXEC",)])
            done = answers[-1]
            for answer in (*answers[:-1], *(done if isinstance(done, list) else [done])):
                if isinstance(answer, Exception):
                    raise answer
            return done[0]

    def call(self, db: int, *words: Word) -> Any:
        """Run a command in a database; see `kernelq.redis.Space.call`."""
        with broker_errors(self.where):
            try:
                return self._connect(db).ask(words)
            except RedisConnectionError as error:
                if not may_be_sent_again(error):
                    raise
            return self._connect(db).ask(words)

    def tap(self, db: int) -> Tap | None:
        """The tap of a database, if nobody has it; see `kernelq.redis.Space.tap`."""
        tap = self._taps.get(db)
        if tap is None:
            if not self.is_bare:
                return None
            connect = partial(make_connection, self._client(db), protocol=3)
            tap = self._taps.setdefault(db, Tap(connect, self.where))  # atomic: two threads get one
        return tap if tap.begin() else None

    def tell(self, db: int, key: str, *words: Word) -> Any:
        """What the server that has `key` says of itself, as the library puts it."""
        with broker_errors(self.where):
            wires, client = self._connect(db), self._client(db)
            if self._address.kind == "cluster":
                return client.execute_command(*words, target_nodes=client.get_node_from_key(key))
            return wires.ask_library(client, words)

    @property
    def where(self) -> str:
        """Host and port, for people."""
        return self._address.servers

    def close(self) -> None:
        with self._lock:
            clients, all_wires, taps, bell = self._clients, self._wires, self._taps, self._bell
            self._start()
        bell.close()
        for each in (*all_wires.values(), *taps.values()):
            each.close()
        for client in clients.values():
            client.close()

    def forget_connections(self) -> None:
        # redis-py does not shut down the sockets of another process when it drops them.
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._clients: dict[int, Any] = {}
        self._wires: dict[int, Wires | ThroughLibrary] = {}
        self._taps: dict[int, Tap] = {}
        self._transacts = None
        self._bell = Bell(self._make_subscriber, self.where)

    def _client(self, db: int) -> Any:
        client = self._clients.get(db)
        if client is None:
            with self._lock:
                client = self._clients.get(db)
                if client is None:
                    timeout = self.connect_timeout
                    client = make_client(self._address, self._options, db=db, connect_timeout=timeout)
                    self._clients[db] = client
        return client

    def _make_subscriber(self) -> Any:
        db = next(iter(self._clients), self._address.db)
        return make_subscriber(self._client(db), self._prefix or "")

    def _connect(self, db: int) -> Wires | ThroughLibrary:
        wires = self._wires.get(db)
        if wires is None:
            client = self._client(db)
            with self._lock:
                wires = self._wires.get(db)
                if wires is None:
                    wires = self._bare(client) if self.is_bare else ThroughLibrary(client)
                    self._wires[db] = wires
        return wires

    @property
    def is_bare(self) -> bool:
        """Whether the server stays where it is, so that a connection may be used without asking the library."""
        return self._address.kind in ("server", "socket") and can_be_bare()

    def _bare(self, client: Any) -> Wires:
        return Wires(
            partial(make_connection, client),
            most=self._options.get("max_connections", MAX_CONNECTIONS),
            patience=self.connect_timeout,
            ping_after=self._options.get("health_check_interval", HEALTH_CHECK_INTERVAL),
        )

    def _run_again(self, db: int, prefix: str, calls: Sequence[Call], answers: list[Any]) -> list[Any]:
        """Answers, after what was not carried out, or perhaps not, was sent again; errors among them are ours."""
        self._load(db, prefix, calls, answers)
        lost = [i for i, answer in enumerate(answers) if calls[i].may_repeat and may_be_sent_again(answer)]
        if lost:
            log.debug("sending %d scripts again after %s", len(lost), answers[lost[0]])
            repeated = [calls[i]._replace(repeated=True) for i in lost]
            again = self._send(db, prefix, repeated)
            self._load(db, prefix, repeated, again)
            for i, answer in zip(lost, again, strict=True):
                answers[i] = answer
        return [_ours(answer, self.where) if isinstance(answer, Exception) else answer for answer in answers]

    def _load(self, db: int, prefix: str, calls: Sequence[Call], answers: list[Any]) -> None:
        """Send those of which a server, new or told to forget, knew nothing once more, with their text."""
        unknown = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            loaded = self._send(db, prefix, [calls[i] for i in unknown], is_known=False)
            for i, answer in zip(unknown, loaded, strict=True):
                answers[i] = answer

    def _send(self, db: int, prefix: str, calls: Sequence[Call], *, is_known: bool = True) -> list[Any]:
        commands: list[Sequence[Word]] = [
            (*(("EVALSHA", call.script.sha) if is_known else ("EVAL", call.script.source)),
             1, prefix, "1" if call.repeated else "0", *call.args)
            for call in calls
        ]  # fmt: skip
        try:
            return self._connect(db).ask_many(commands)
        except ERRORS as error:
            return [error] * len(calls)

    def _take_options(self, given: Mapping[str, Any]) -> None:
        master = given.get("master")
        if master and self._options.setdefault("master", master) != master:
            raise ImproperlyConfigured(
                f"broker and backend name two masters of the Sentinels at {self.where}, {self._options['master']!r} and {master!r}; "
                "say ?master=NAME in each URL"
            )
        for name in OPTIONS & given.keys():
            self._options.setdefault(name, given[name])

    def _check_prefix(self, prefix: str) -> None:
        self._prefix = self._prefix or prefix
        if self._address.kind == "cluster" and _tag(prefix) != _tag(self._prefix):
            raise ImproperlyConfigured(
                f"broker and backend on the cluster at {self.where} must share the first part of their keys, got {self._prefix!r} "
                f"and {prefix!r}: only one slot can change together; give both one prefix with one {{tag}}"
            )


def _ours(error: Exception, where: str) -> Exception:
    ours = translate(error, where)
    ours.__cause__ = error
    return ours


def _tag(prefix: str) -> str:
    return prefix.partition("{")[2].partition("}")[0]
