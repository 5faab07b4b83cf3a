"""The rpc backend: outcomes are sent to the process that asked."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, cast

from kernelq.amqp import AmqpEngine, Parcel
from kernelq.contracts import (
    Backend,
    BackendUnavailable,
    BrokerFull,
    BrokerUnavailable,
    DecodeError,
    ImproperlyConfigured,
    Message,
    Outcome,
    mask,
)
from msgspec.structs import replace

from .home import Home
from .letter import JSON, write
from .watch import RpcWatch

if TYPE_CHECKING:
    from kernelq import KernelQ


class RpcBackend(Backend):
    """Replies over the broker's server; each process has a queue of its own for those to it."""

    def __init__(self, app: KernelQ, url: str) -> None:
        own = url.partition("://")[2].strip("/")
        broker_url = f"amqp://{url.partition('://')[2]}" if own else app.broker_url
        engine = app.engine(broker_url)
        if engine.family != "amqp":
            raise ImproperlyConfigured(
                f"the result backend {mask(url)!r} sends results through the broker, which must be an AMQP one, got {mask(broker_url)!r}; "
                "set result_backend to another one, or give it a server: rpc://user@host//"
            )
        self._app = app
        self._amqp = cast(AmqpEngine, engine)
        self._mode = 2 if app.conf.result_persistent else 1
        self._accepted = app.conf.result_accept_content or app.conf.accept_content
        self._homes: dict[int, Home] = {}  # by process: a forked child has one of its own

    @property
    def reply_to(self) -> str:  # type: ignore[override]  # read-only here: who sets it would lose the replies
        """The reply queue of this process; it is there when this returns."""
        home = self._home
        if not home.is_declared:
            try:
                home.open()
            except BackendUnavailable as error:
                raise BrokerUnavailable(str(error)) from error
        return home.address

    def apply(self, ops: Sequence[Any]) -> Sequence[Message]:
        outcomes: list[Outcome] = [outcome for outcome in ops if outcome.reply_to]
        home = self._home
        parcels = []
        for outcome in outcomes:
            if outcome.reply_to == home.address:
                home.shelf.put(replace(outcome, reply_to=None))
            else:
                parcels.append(self._parcel(outcome))
        if parcels:
            try:
                self._amqp.publish(parcels)
            except (BrokerUnavailable, BrokerFull) as error:
                raise BackendUnavailable(str(error)) from error
        return ()

    def get_many(self, ids: Collection[str]) -> dict[str, Outcome]:
        self._home.open()
        return self._home.shelf.get_many(ids)

    def watch(self, ids: Collection[str]) -> RpcWatch:
        return RpcWatch(self._home, ids)

    def forget(self, ids: Collection[str]) -> None:
        self._home.shelf.drop(ids)

    def cleanup(self) -> int:
        return self._home.shelf.sweep()

    def close(self) -> None:
        self._home.close()

    @property
    def _home(self) -> Home:
        process = os.getpid()
        if process not in self._homes:
            made = Home(self._amqp, self._app.conf.result_expires or None, self._loads)
            return self._homes.setdefault(process, made)
        return self._homes[process]

    def _parcel(self, outcome: Outcome) -> Parcel:
        properties = {
            "correlation_id": outcome.id,
            "content_type": JSON,
            "content_encoding": "utf-8",
            "delivery_mode": self._mode,
        }
        # Not mandatory: whoever asked may have gone, and then nobody is left to be told.
        return Parcel("", str(outcome.reply_to), write(outcome), properties, mandatory=False)

    def _loads(self, content_type: str, body: bytes) -> Any:
        accepted = {serializer.content_type: serializer for serializer in map(self._app.serializer, self._accepted)}
        if content_type not in accepted:
            raise DecodeError(f"a result of content type {content_type!r} is not accepted here (result_accept_content)")
        return accepted[content_type].loads(body)
