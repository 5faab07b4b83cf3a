"""Blueprints as text and as a graph."""

from __future__ import annotations

import json

from kernelq import Blueprint, Step


def as_text(blueprint: Blueprint) -> str:
    """The order of starting, a line a step, with what it requires and provides."""
    lines = [f"blueprint {blueprint.name}"]
    for number, step in enumerate(blueprint.order, 1):
        line = f"{number:3}. {step.label or step.name}"
        if blueprint.needs[step]:
            line += "; requires " + ", ".join(need.label or need.name for need in blueprint.needs[step])
        lines.append(line + (f"; provides {step.provides.name}" if step.provides else ""))
    return "\n".join(lines)


def as_dot(blueprint: Blueprint) -> str:
    """The graph for Graphviz: an arrow from each step to each that it requires."""
    lines = [f"  {_quoted(step)};" for step in blueprint.order]
    lines += [f"  {_quoted(step)} -> {_quoted(need)};" for step in blueprint.order for need in blueprint.needs[step]]
    return "\n".join([f"digraph {json.dumps(blueprint.name)} {{", *lines, "}"])


def _quoted(step: type[Step]) -> str:
    return json.dumps(step.label or step.name)
