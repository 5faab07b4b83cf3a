"""Addresses: a URL, or several of one cluster, as the client library's parameters."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pika  # type: ignore[import-untyped]  # pika marks itself as untyped
from kernelq.contracts import ImproperlyConfigured, mask

PORT = 5672
TLS_PORT = 5671
TLS_OPTIONS = ("cafile", "certfile", "keyfile", "verify")


@dataclass(frozen=True, slots=True)
class Address:
    """One node: where it is, and who we are there."""

    host: str
    port: int
    vhost: str
    user: str
    password: str
    tls: tuple[tuple[str, str], ...] | None
    """Options of TLS; None without TLS."""

    @property
    def where(self) -> str:
        """``host:port/vhost``."""
        return f"{self.host}:{self.port}/{self.vhost if self.vhost != '/' else ''}"

    def parameters(self, *, name: str, heartbeat: int | None, timeout: float) -> Any:
        """What pika connects by."""
        options: dict[str, Any] = {} if heartbeat is None else {"heartbeat": heartbeat}
        if self.tls is not None:
            options["ssl_options"] = pika.SSLOptions(self._tls_context(), self.host)
        return pika.ConnectionParameters(
            host=self.host,
            port=self.port,
            virtual_host=self.vhost,
            credentials=pika.PlainCredentials(self.user, self.password, erase_on_connect=False),
            socket_timeout=timeout,
            stack_timeout=timeout,
            connection_attempts=1,
            client_properties={"connection_name": name},
            **options,
        )

    def _tls_context(self) -> ssl.SSLContext:
        given = dict(self.tls or ())
        try:
            context = ssl.create_default_context(cafile=given.get("cafile"))
            if "certfile" in given:
                context.load_cert_chain(given["certfile"], given.get("keyfile"))
        except OSError as error:
            raise ImproperlyConfigured(f"cannot use the TLS files given for {self.where}: {error}") from error
        if given.get("verify") == "no":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def addresses(url: str) -> list[Address]:
    """The nodes of a URL; raises `ImproperlyConfigured`."""
    return [_address(part) for part in re.split(r";(?=[a-z]+://)", url)]


def _address(url: str) -> Address:
    parts = urlsplit(url)
    is_tls = parts.scheme == "amqps"
    try:
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"no port can be read from {mask(url)!r}: {error}") from None
    options = dict(parse_qsl(parts.query))
    known = TLS_OPTIONS if is_tls else ()
    if unknown := sorted(options.keys() - set(known)):
        raise ImproperlyConfigured(
            f"unknown option {unknown[0]!r} in {mask(url)!r} (known: {', '.join(known) or 'none; of amqps: cafile, …'})"
        )
    path = unquote(parts.path[1:])
    return Address(
        host=parts.hostname or "localhost",
        port=port or (TLS_PORT if is_tls else PORT),
        vhost=path if path.strip("/") else "/",
        user=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        tls=tuple(sorted(options.items())) if is_tls else None,
    )
