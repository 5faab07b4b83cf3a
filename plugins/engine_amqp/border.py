"""The border: what the client library and the server say went wrong, as an error of ours."""

from __future__ import annotations

from typing import Any

from kernelq.contracts import BrokerError, BrokerFull, BrokerRefused, BrokerUnavailable
from pika import exceptions  # type: ignore[import-untyped]  # pika marks itself as untyped

from .contract import Different, NotThere

REFUSED_CODES = frozenset({403, 405, 406, 530, 540})
"""Codes of AMQP that waiting does not help with: access refused, locked, other arguments, not allowed, not implemented."""

FULL_CODES = frozenset({506})
"""Codes of AMQP for a server out of resources."""

LOGIN_ERRORS = (
    exceptions.AuthenticationError,
    exceptions.ProbableAuthenticationError,
    exceptions.ProbableAccessDeniedError,
)


def translate(error: BaseException | None, where: str) -> BrokerError:
    """The error of ours that says what happened at `where` (``host:port/vhost``)."""
    error = _innermost(error)
    code = getattr(error, "reply_code", None)
    text = _text(error)
    place = f"RabbitMQ at {where}"
    if isinstance(error, BrokerError):
        return error
    if isinstance(error, LOGIN_ERRORS):
        return BrokerRefused(f"{place} refused the login: {text}; check user, password and virtual host")
    if code == 406 and "timed out" in text:
        return BrokerUnavailable(
            f"{place} closed the channel: {text}. A task ran longer than the server's consumer_timeout allows; raise it in rabbitmq.conf"
        )
    if code == 404:
        return NotThere(f"{place} closed the channel: {text}")
    if code == 406 and "inequivalent arg" in text:
        return Different(f"{place} refused: {text}")
    if code in REFUSED_CODES:
        return BrokerRefused(f"{place} refused: {text}")
    if code in FULL_CODES:
        return BrokerFull(f"{place} takes no more: {text}")
    if code is not None:
        return BrokerUnavailable(f"{place} closed the connection or channel: {text}")
    return BrokerUnavailable(f"cannot reach {place}: {text}")


def _innermost(error: BaseException | None) -> BaseException | None:
    """The cause inside pika's wrappers, which say only at which step it happened."""
    while True:
        inner: Any = getattr(error, "exception", None)
        several: Any = getattr(error, "exceptions", None)
        if several:
            inner = several[-1]
        args = getattr(error, "args", ())
        if inner is None and isinstance(error, exceptions.StreamLostError | exceptions.AMQPConnectionError):
            inner = next((each for each in args if isinstance(each, BaseException)), None)
        if not isinstance(inner, BaseException) or isinstance(error, LOGIN_ERRORS):
            return error
        error = inner


def _text(error: BaseException | None) -> str:
    if error is None:
        return "the connection was lost"
    code, said = getattr(error, "reply_code", None), getattr(error, "reply_text", None)
    if code is not None:
        return f"{code} {said}"
    inner = next((each for each in error.args if getattr(each, "reply_text", None)), None)
    if inner is not None:
        return f"{inner.reply_code} {inner.reply_text}"
    return str(error) or type(error).__name__
