"""Plans: what a workflow consists of, kept for who wants to see it, or to take it up again."""

from __future__ import annotations

import time
import zlib
from typing import Any

import msgspec

from .contract import Keep
from .steps import id_of, is_group, members_of, steps_of

_json = msgspec.json.encode

_LEVEL = 1
"""Of the compression: the quickest, which halves ids and takes nearly all of the rest away."""


def plan_ops(result_id: str, root_id: str | None, node: dict[str, Any], ttl: float | None) -> list[Keep]:
    """What keeps the plan of a workflow under the id of its result; it is found by that of its root too."""
    plan = {"id": result_id, "at": time.time(), "root": node}
    return _kept(result_id, root_id, zlib.compress(_json(plan), _LEVEL), ttl)


def _kept(result_id: str, root_id: str | None, value: bytes, ttl: float | None) -> list[Keep]:
    kept = [Keep(key=f"plan:{result_id}", value=value, ttl=ttl)]
    if root_id is not None and root_id != result_id:
        kept.append(Keep(key=f"plan:{root_id}", value=f">{result_id}".encode(), ttl=ttl))
    return kept


class LongPlan:
    """The plan of a group or chord whose members are told one after the other; it holds them as compressed text only."""

    def __init__(self, result_id: str, kind: str, id: str) -> None:
        self._result_id = result_id
        self._compressor = zlib.compressobj(_LEVEL)
        self._pieces: list[bytes] = []
        self._comma = b""
        head = {"id": result_id, "at": time.time()}
        root = {"kind": kind, "id": id}
        self._write(_json(head)[:-1] + b',"root":' + _json(root)[:-1] + b',"of":[')

    def add(self, node: dict[str, Any]) -> None:
        """The node of the next member."""
        self._write(self._comma + _json(node))
        self._comma = b","

    def ops(self, root_id: str | None, body: dict[str, Any] | None, ttl: float | None) -> list[Keep]:
        """What keeps it, as `plan_ops`, after the last member; `body` is the node of what follows a chord's header."""
        self._write(b"]}}" if body is None else b'],"body":' + _json(body) + b"}}")
        self._pieces.append(self._compressor.flush())
        return _kept(self._result_id, root_id, b"".join(self._pieces), ttl)

    def _write(self, text: bytes) -> None:
        if piece := self._compressor.compress(text):
            self._pieces.append(piece)


def node_of(steps: list[Any]) -> dict[str, Any]:
    """The node of some steps: a task, a group, a chord, or a chain of those."""
    nodes: list[dict[str, Any]] = []
    for number, step in enumerate(steps, 1):
        if is_group(step):
            members = [node_of(steps_of(member)) for member in members_of(step)]
            group = {"kind": "group", "id": id_of(step), "of": members}
            nodes.append(plan_of_chord(group, steps[number:]) if number < len(steps) else group)
            break
        nodes.append({"kind": "task", "id": id_of(step), "name": step["task"]})
    return nodes[0] if len(nodes) == 1 else {"kind": "chain", "of": nodes}


def plan_of_chord(header: dict[str, Any], following: list[Any]) -> dict[str, Any]:
    """The node of a header and what follows it."""
    return {"kind": "chord", "id": header["id"], "of": header["of"], "body": node_of(following)}
