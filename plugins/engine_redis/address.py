"""The URL of an engine: where its servers are, how to reach them, and in which database and under which prefix to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from kernelq.contracts import ImproperlyConfigured, mask

Kind = Literal["server", "socket", "sentinel", "cluster"]

_SCHEMES: dict[str, tuple[Kind, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("socket", False),
    "redis+socket": ("socket", False),
    "sentinel": ("sentinel", False),
    "sentinel+rediss": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
"""Scheme → kind and whether it is TLS."""

_PORTS: dict[Kind, int] = {"server": 6379, "sentinel": 26379, "cluster": 6379, "socket": 0}


def _is_true(text: str) -> bool:
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]


def _requirement(text: str) -> str:
    name = text.lower().removeprefix("cert_")
    if name not in ("required", "optional", "none"):
        raise ValueError
    return name


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "prefix": str,
    "master": str,
    "db": int,
    "max_connections": int,
    "socket_timeout": float,
    "health_check_interval": float,
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_cert_reqs": _requirement,
    "ssl_check_hostname": _is_true,
}
"""What a URL's query may say → how it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A parsed URL; `hosts` in order, `path` of a socket, `options` as the query has them."""

    kind: Kind
    is_tls: bool
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def servers(self) -> str:
        """Where it is, for people: ``host:port``, or several joined by commas, or a path."""
        return self.path or ",".join(f"{host}:{port}" for host, port in self.hosts)

    @property
    def identity(self) -> str:
        """The same for all URLs of one engine: neither database nor prefix nor secrets."""
        user = f"{self.username}@" if self.username else ""
        tls = "s" if self.is_tls else ""
        master = f"/{self.options['master']}" if "master" in self.options else ""
        hosts = self.servers if self.kind != "sentinel" else ",".join(sorted(self.servers.split(",")))
        return f"redis{tls}+{self.kind}://{user}{hosts}{master}"


def parse(url: str) -> Address:
    """Read a URL.

    Raises:
        ImproperlyConfigured: it makes no sense; says what was expected.
    """
    scheme = url.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise ImproperlyConfigured(
            f"no way to reach {mask(url)!r}; expected a URL with one of: {', '.join(sorted(_SCHEMES))}"
        )
    kind, is_tls = _SCHEMES[scheme]
    pieces = [urlsplit(piece) for piece in (_pieces(url, scheme) if kind in ("sentinel", "cluster") else [url])]
    if kind == "server" and "://" in url.partition("://")[2]:
        raise ImproperlyConfigured(
            f"expected one server, got {mask(url)!r}; for several use sentinel:// or redis+cluster://"
        )
    options = _options(url, "&".join(piece.query for piece in pieces if piece.query))
    named = next((piece for piece in pieces if piece.username or piece.password), pieces[-1])
    return Address(
        kind=kind,
        is_tls=is_tls,
        hosts=() if kind == "socket" else tuple(_host(url, piece, kind) for piece in pieces),
        path=unquote(pieces[0].path) if kind == "socket" else "",
        db=_db(url, kind, pieces[-1].path, options),
        username=unquote(named.username) if named.username else None,
        password=unquote(named.password) if named.password else None,
        options=options,
    )


def _pieces(url: str, scheme: str) -> list[str]:
    """The URL of each host: several are joined by ``;``, or the hosts of one URL by ``,``."""
    found: list[str] = []
    for part in url.split(";"):
        head, _, rest = part.rpartition("://")
        user, _, hosts = rest.rpartition("@")
        *others, last = hosts.split(",")
        found += [
            f"{head or scheme}://{user}@{host}" if user else f"{head or scheme}://{host}" for host in (*others, last)
        ]
    return found


def _host(url: str, piece: SplitResult, kind: Kind) -> tuple[str, int]:
    try:
        return piece.hostname or "localhost", piece.port or _PORTS[kind]
    except ValueError as error:
        raise ImproperlyConfigured(f"expected host and port in {mask(url)!r}: {error}") from error


def _db(url: str, kind: Kind, path: str, options: dict[str, Any]) -> int:
    number = options.pop("db", None)
    text = "" if kind == "socket" else path.strip("/")
    if text and not text.isdigit():
        raise ImproperlyConfigured(f"expected a database number after the host, got {text!r} in {mask(url)!r}")
    db = int(text) if text else int(number or 0)
    if db and kind == "cluster":
        raise ImproperlyConfigured(f"Redis Cluster has no database but 0, got {db} in {mask(url)!r}; use ?prefix=")
    return db


def _options(url: str, query: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        read = _OPTIONS.get("db" if name == "virtual_host" else name)
        if read is None:
            raise ImproperlyConfigured(
                f"unknown option {name!r} in {mask(url)!r} (known: {', '.join(sorted(_OPTIONS))})"
            )
        try:
            options["db" if name == "virtual_host" else name] = read(text)
        except (ValueError, KeyError) as error:
            raise ImproperlyConfigured(f"{text!r} is no value for the option {name!r} in {mask(url)!r}") from error
    return options
