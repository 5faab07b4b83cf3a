"""Identifiers of tasks."""

from __future__ import annotations

import os

_POOL = 256
_spare: list[bytes] = []


def uuid() -> str:
    """A random UUID (version 4) as text.

    Random bytes are taken from the system for 256 ids at a time: one system call each would cost
    more than the rest of a publish.
    """
    try:
        raw = _spare.pop()
    except IndexError:
        block = os.urandom(16 * _POOL)
        _spare.extend(block[i : i + 16] for i in range(16, 16 * _POOL, 16))
        raw = block[:16]
    text = (int.from_bytes(raw) & ~(0xF000 << 64) & ~(0xC000 << 48) | (4 << 76) | (0x8000 << 48)).to_bytes(16).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


# Two processes must never share spare bytes.
os.register_at_fork(after_in_child=_spare.clear)
