"""URLs of engines: their scheme, and their secrets kept out of whatever is printed."""

from __future__ import annotations

import re

_SECRET = re.compile(r"(?P<head>[a-z0-9+.\-]*://[^:/?#;\s]*):(?P<secret>[^\s]*)@", re.IGNORECASE)
_QUERY_SECRET = re.compile(r"(?P<key>[?&](?:password|passwd|secret|token)=)[^&;,\s]*", re.IGNORECASE)
_SEVERAL = re.compile(r"(?<=[^;,])([;,])(?=[a-z][a-z0-9+.\-]*://)", re.IGNORECASE)


def mask(url: str) -> str:
    """The URL, or several joined by ``;`` or ``,``, with each password replaced by ``**``.

    A password may itself hold ``,``, ``;`` or ``@``: all up to the last ``@`` of a URL is secret.
    """
    parts = _SEVERAL.split(url)
    return "".join(_mask_one(part) for part in parts)


def _mask_one(url: str) -> str:
    return _QUERY_SECRET.sub(r"\g<key>**", _SECRET.sub(r"\g<head>:**@", url))


def scheme(url: str) -> str:
    """The scheme that picks the driver: ``redis`` of ``redis://…``; a ``+library`` part does not count."""
    return url.partition("://")[0].partition(":")[0].partition("+")[0].lower()
