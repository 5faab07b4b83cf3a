"""`RedisEngine`: the calls of broker, backend and stores, on connections that they share."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from kernelq.contracts import Engine, ImproperlyConfigured
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from .address import parse
from .bell import Bell, Ear
from .clients import make_client, make_subscriber
from .contract import Ring, Script, Word
from .errors import broker_errors, may_be_sent_again
from .space import ALIASES, RedisSpace, prefix_of

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

    def run(
        self, db: int, script: Script, prefix: str, args: Sequence[Word], *, repeated: bool, may_repeat: bool
    ) -> Any:
        """Run a script in a database; see `kernelq.redis.Space.run`."""
        with broker_errors(self.where):
            try:
                return self._run(db, script, prefix, "1" if repeated else "0", args)
            except RedisConnectionError as error:
                if not may_repeat or not may_be_sent_again(error):
                    raise
                log.debug("sending a script again after %s", error)
            return self._run(db, script, prefix, "1", args)

    def call(self, db: int, *words: Word, **how: Any) -> Any:
        """Run a command in a database; see `kernelq.redis.Space.call`."""
        with broker_errors(self.where):
            try:
                return self._client(db).execute_command(*words, **how)
            except RedisConnectionError as error:
                if not may_be_sent_again(error):
                    raise
            return self._client(db).execute_command(*words, **how)

    def on_node_of(self, key: str, db: int) -> dict[str, Any]:
        """What a command without a key needs to be sent to the server that has `key`."""
        if self._address.kind != "cluster":
            return {}
        with broker_errors(self.where):
            return {"target_nodes": self._client(db).get_node_from_key(key)}

    @property
    def where(self) -> str:
        """Host and port, for people."""
        return self._address.servers

    def close(self) -> None:
        with self._lock:
            clients, bell = self._clients, self._bell
            self._start()
        bell.close()
        for client in clients.values():
            client.close()

    def forget_connections(self) -> None:
        # redis-py does not shut down the sockets of another process when it drops them.
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._clients: dict[int, Any] = {}
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

    def _run(self, db: int, script: Script, prefix: str, repeated: str, args: Sequence[Word]) -> Any:
        client = self._client(db)
        try:
            return client.execute_command("EVALSHA", script.sha, 1, prefix, repeated, *args)
        except NoScriptError:  # a new server, or one that was told to forget
            return client.execute_command("EVAL", script.source, 1, prefix, repeated, *args)

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


def _tag(prefix: str) -> str:
    return prefix.partition("{")[2].partition("}")[0]
