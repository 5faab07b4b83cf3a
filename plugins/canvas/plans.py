"""Plans: what a workflow consists of, kept for who wants to see it, or to take it up again."""

from __future__ import annotations

import json
import time
import zlib
from typing import Any

from .contract import Keep
from .steps import id_of, is_group, members_of, steps_of


def plan_ops(result_id: str, root_id: str | None, node: dict[str, Any], ttl: float | None) -> list[Keep]:
    """What keeps the plan of a workflow under the id of its result; it is found by that of its root too."""
    plan = {"id": result_id, "at": time.time(), "root": node}
    kept = [Keep(key=f"plan:{result_id}", value=zlib.compress(json.dumps(plan).encode(), 1), ttl=ttl)]
    if root_id is not None and root_id != result_id:
        kept.append(Keep(key=f"plan:{root_id}", value=f">{result_id}".encode(), ttl=ttl))
    return kept


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
