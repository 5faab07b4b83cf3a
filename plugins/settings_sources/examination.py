"""Examining a configuration source: what would become of each name in it, without taking it."""

from __future__ import annotations

import ast
import difflib
import inspect
import runpy
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from kernelq.contracts import ImproperlyConfigured, mask

from .sources import FAMILIES, head_of, members, mixture, resolve, under

if TYPE_CHECKING:
    from kernelq import KernelQ, Option

Status = Literal["works", "no effect", "refused", "unknown"]

OLD_FAMILIES = ("CELERY_", "CELERYD_", "CELERYBEAT_", "BROKER_")
"""How old names begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What becomes of one name: `setting` is what it is called today, `reason` why it does not just work, `line` where it stands."""

    name: str
    status: Status
    setting: str | None = None
    reason: str = ""
    line: int | None = None


def examine(app: KernelQ, source: Any, namespace: str | None) -> list[Finding]:
    """A finding for each name in a source that is a setting or looks like one, in the order of their lines.

    `source` may also be the path of a Python file.

    Raises:
        ImproperlyConfigured: it cannot be loaded.
    """
    found, lines = _loaded(source)
    given = members(app.conf, found, namespace)
    values = under(given, namespace)
    head = head_of(namespace) if namespace else ""
    looks = tuple(values) if namespace or isinstance(found, Mapping) else tuple(filter(_looks_like_one, values))
    known = {name: option for name in values if (option := app.conf.find(name)) is not None}
    # Once through whoever reads sources, so that values are judged as they would be taken.
    taken = _taken(app, {option.name: values[name] for name, option in known.items()})
    lonely = mixture(app.conf, values) if not namespace else {}
    findings = []
    for name in values:
        full = f"{head}{name.upper()}" if head else name
        if name in known:
            status, reason = _judged(known[name], taken, str(source))
            if name in lonely:
                status, reason = "refused", f"old and new names are mixed in one source; write {lonely[name]}"
            findings.append(
                Finding(name=full, status=status, setting=known[name].name, reason=reason, line=lines.get(full))
            )
        elif name in looks:
            findings.append(
                Finding(name=full, status="unknown", reason=_nearest(app, full, head), line=lines.get(full))
            )
    return sorted(findings, key=lambda finding: (finding.line or sys.maxsize, finding.name))


class _Draft(dict[str, Any]):
    """Settings that are read and not taken, which readers of sources may want to know."""

    __name__ = "what is checked"  # as a module has one, for messages
    is_draft = True


def _judged(option: Option, taken: Mapping[str, Any] | str, source: str) -> tuple[Status, str]:
    if getattr(option, "status", "") == "no effect":
        return "no effect", getattr(option, "reason", "")
    if isinstance(taken, str):
        return "refused", taken
    if option.name in taken:
        try:
            option.convert(taken[option.name], source)
        except ImproperlyConfigured as error:
            why = (getattr(option, "reason", ""), getattr(option, "way_out", ""))
            return "refused", "; ".join(filter(None, why)) or mask(str(error))
        except (TypeError, ValueError) as error:
            return "refused", f"{type(error).__name__} (setting {option.name})"
    return "works", ""


def _taken(app: KernelQ, values: dict[str, Any]) -> Mapping[str, Any] | str:
    try:
        read: dict[str, Any] | None = app.plugins.hook.read_settings(
            app=app, source=_Draft(values), namespace=None, silent=False
        )
    except ImproperlyConfigured as error:
        return mask(str(error))
    return values if read is None else read


def _looks_like_one(name: str) -> bool:
    return name.startswith(FAMILIES) or name.startswith(OLD_FAMILIES)


def _nearest(app: KernelQ, name: str, head: str) -> str:
    short = name.removeprefix(head)
    if not head:
        for family in OLD_FAMILIES:
            if name.startswith(family) and app.conf.find(name.removeprefix(family).lower()) is not None:
                return f"known under a namespace: --namespace {family[:-1]}"
    elif (option := app.conf.find(name)) is not None:
        return f"an old name, which a namespace has no place for; write {head}{option.name.upper()}"
    names = [each for option in app.options().values() for each in (option.name, *(() if head else option.old))]
    by_lower = {each.lower(): each for each in names}
    near = difflib.get_close_matches(short.lower(), list(by_lower), n=1, cutoff=0.75)
    if not near:
        return "nothing of this name is known"
    return f"did you mean {head}{by_lower[near[0]].upper()}?" if head else f"did you mean {by_lower[near[0]]}?"


def _loaded(source: Any) -> tuple[Any, Mapping[str, int]]:
    """(what holds the settings, line by name)."""
    if isinstance(source, str) and (source.endswith(".py") or "/" in source):
        return SimpleNamespace(**_run(Path(source))), _lines(source)
    found = resolve(source)
    path = inspect.getsourcefile(found) if isinstance(found, ModuleType) else None
    return found, _lines(path) if path else {}


def _run(path: Path) -> dict[str, Any]:
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        return runpy.run_path(str(path))
    except Exception as error:
        # Whatever a file of somebody else's raises while it is run.
        raise ImproperlyConfigured(
            f"cannot load the configuration {str(path)!r}: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(folder)


def _lines(path: str) -> dict[str, int]:
    """The line of each name that is set at the top level of a file."""
    found: dict[str, int] = {}
    for node in ast.parse(Path(path).read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found.update({target.id: node.lineno for target in targets if isinstance(target, ast.Name)})
    return found
