"""Addresses: the hosts and ports in a URL, and whether they can be reached."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from .check import Check, failed, milliseconds, ok

PORTS: Final = {
    "redis": 6379,
    "rediss": 6379,
    "valkey": 6379,
    "valkeys": 6379,
    "sentinel": 26379,
    "amqp": 5672,
    "amqps": 5671,
    "pyamqp": 5672,
    "postgresql": 5432,
    "postgres": 5432,
    "mysql": 3306,
    "mariadb": 3306,
}
"""Scheme → the port its servers listen on when the URL names none."""

_SEVERAL: Final = re.compile(r"(?<=[^;,])[;,](?=[a-z][a-z0-9+.\-]*://)", re.IGNORECASE)


def addresses(url: str) -> list[tuple[str, int]]:
    """Each (host, port) of a URL with one host or several, or of several URLs joined by ``;`` or ``,``.

    None for an engine without a server. Raises ValueError: a port that is no number.
    """
    found = []
    for one in _SEVERAL.split(url.removeprefix("db+")):
        parts = urlsplit(one)
        usual = PORTS.get(parts.scheme.partition("+")[0].lower())
        for place in re.split("[;,]", parts.netloc.rpartition("@")[2]):
            where = urlsplit(f"//{place}")
            if where.hostname and (port := where.port or usual):
                found.append((where.hostname, port))
    return found


def check_addresses(url: str, timeout: float) -> list[Check]:
    """One check per address; of several servers one that answers is enough, so that the others are warnings only."""
    try:
        wanted = addresses(url)
    except ValueError as error:
        return [failed("address", f"no usable port: {error}", "write the URL as scheme://user:password@host:port/name")]
    checks = [_reach(host, port, timeout) for host, port in wanted]
    if all(check.level == "failed" for check in checks):
        return checks
    return [replace(check, level="warning") if check.level == "failed" else check for check in checks]


def _reach(host: str, port: int, timeout: float) -> Check:
    where = f"{host}:{port}"
    begun = time.monotonic()
    try:
        socket.create_connection((host, port), timeout).close()
    except socket.gaierror as error:
        return failed(
            "address",
            f"the name {host!r} cannot be resolved: {error.strerror}",
            "check its spelling; between containers the host is the name of the service",
        )
    except ConnectionRefusedError:
        return failed(
            "address",
            f"nothing listens on {where}",
            "start the server, or check the port; a server in a container must publish it",
        )
    except TimeoutError:
        return failed(
            "address",
            f"no answer from {where} in {timeout:g} s",
            "check the address, and whether a firewall lets this machine through (setting broker_connection_timeout)",
        )
    except OSError as error:
        return failed(
            "address", f"cannot reach {where}: {error.strerror or error}", "check the address and the network"
        )
    return ok("address", f"{where} answers, {milliseconds(time.monotonic() - begun)}")
