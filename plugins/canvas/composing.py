"""Composing: what `|` makes of signatures. The form in which they are started: `canonical`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .canonical import canonical, members, spread
from .chain import chain
from .chord import chord
from .group import group
from .lazy import Lazy

if TYPE_CHECKING:
    from .signature import Signature

__all__ = ["canonical", "extended", "grown", "steps_of"]


def grown(left: Signature[Any], right: Signature[Any]) -> Signature[Any]:
    """``left | right``, made of both, which are nobody else's: they may become parts of it, or be changed.

    =====================  ======================================================================================
    left, right            what it is
    =====================  ======================================================================================
    task, task or chain    a chain
    …, group of one        as if that one followed, but after a group
    chain, …               the chain, flattened: a group at its end becomes the header of a chord with what follows, a
                           chord at its end is given a longer body
    group, …               a chord
    chord, task or chord   the chord, with a longer body
    chord, …               a chain
    =====================  ======================================================================================
    """
    return extended(_flat(left) if isinstance(left, chain) else left, right)


def extended(left: Signature[Any], right: Signature[Any]) -> Signature[Any]:
    """`grown`, for a `left` that is flat if it is a chain."""
    if isinstance(left, chain):
        return _after_chain(left, right)
    if isinstance(left, group):
        return left if _is_nothing(right) else chord.build({"kwargs": {}, "header": left, "body": right}, app=left._app)
    right = _unrolled(right)
    if isinstance(left, chord) and not isinstance(right, chain | group):
        left.body = right if left.body is None else grown(left.body, right)
        return left
    return chain.build({"tasks": [left, *steps_of(right)]}, app=left._app)


def steps_of(sig: Signature[Any]) -> list[Signature[Any]]:
    """The steps of a chain, which are changed, or the one step that anything else is."""
    return spread(sig) if isinstance(sig, chain) else [sig]


def _flat(sig: chain[Any]) -> chain[Any]:
    if sig.args or sig.options or sig.upcoming or any(isinstance(task, chain) for task in sig.tasks):
        sig._take({"tasks": spread(sig)})
    elif isinstance(sig.tasks, tuple):
        sig.tasks = list(sig.tasks)
    return sig


def _after_chain(left: chain[Any], right: Signature[Any]) -> Signature[Any]:
    tasks = left.tasks
    if isinstance(right, chain):
        whole: Signature[Any] = left
        for step in spread(right):
            whole = extended(whole, step)
        return whole
    right = _unrolled(right)
    if isinstance(right, group):
        return _group_after_chain(left, right)
    if tasks and _is_nothing(tasks[-1]):
        tasks.pop()  # an empty group after something: the value passes by
    last = tasks[-1] if tasks else None
    if isinstance(last, group) or (isinstance(last, chord) and not isinstance(right, chord)):
        tasks[-1] = grown(last, right)
    else:
        tasks.append(right)
    return left


def _group_after_chain(left: chain[Any], right: group[Any]) -> Signature[Any]:
    tasks = left.tasks
    if _is_nothing(right):
        return left
    if not tasks:
        return right
    if isinstance(tasks[-1], chord) and tasks[-1].body is not None:
        tasks[-1].body = grown(tasks[-1].body, right)
    else:
        tasks.append(right)
    return left


def _unrolled(sig: Signature[Any]) -> Signature[Any]:
    """The only member of a group of one, which is changed."""
    if not isinstance(sig, group) or sig.is_lazy or len(sig.tasks) != 1:
        return sig
    return next(iter(members(sig)))


def _is_nothing(sig: Signature[Any]) -> bool:
    return isinstance(sig, chain | group) and not isinstance(sig.tasks, Lazy) and not sig.tasks
