"""Matching: whether what is sent to an exchange by a routing key reaches a binding, as AMQP has it."""

from __future__ import annotations

from .exchange import Exchange


def reaches(exchange: Exchange, pattern: str, key: str) -> bool | None:
    """Whether a message sent with `key` reaches a queue bound by `pattern`; None: only the server can tell."""
    if exchange.type == "direct":
        return pattern == key
    if exchange.type == "topic":
        return topic_matches(pattern, key)
    return True if exchange.type == "fanout" else None


def topic_matches(pattern: str, key: str) -> bool:
    """Whether a routing key fits a topic pattern: words between dots, ``*`` for one word, ``#`` for any number of them.

    Source: AMQP 0-9-1, section 3.1.3.3; an empty text has no words, as RabbitMQ has it. Time: words of pattern × words of key.
    """
    wanted = _words(pattern)
    # How many words of the pattern may be used up by the words of the key so far.
    used = _skipping(wanted, {0})
    for word in _words(key):
        further = {place for place in used if place < len(wanted) and wanted[place] == "#"}
        further |= {place + 1 for place in used if place < len(wanted) and wanted[place] in ("*", "#", word)}
        used = _skipping(wanted, further)
    return len(wanted) in used


def _skipping(wanted: list[str], used: set[int]) -> set[int]:
    """`used`, and what it comes to when each ``#`` that follows stands for no word."""
    found = set(used)
    for place in used:
        while place < len(wanted) and wanted[place] == "#":
            place += 1
            found.add(place)
    return found


def _words(text: str) -> list[str]:
    return text.split(".") if text else []
