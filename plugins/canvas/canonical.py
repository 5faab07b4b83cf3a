"""The canonical form: a signature in the shape in which it is started, everything that was given to a whole being with its parts.

It is a task; or a chain of at least two steps, each a task, a chord or, as the last one, a group; or a group of tasks, chains and
chords; or a chord whose header is such a group and whose body is any of these. In headers, members that end in a group are
followed by the task that collects its values. The functions here change what they are given, except `canonical`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from .chain import chain
from .chord import chord
from .group import copy_of, group
from .lazy import Lazy
from .maps import chunks
from .names import ACCUMULATE
from .options import listed
from .signature import Signature
from .steps import errbacks_of, steps_of

OF_LAST: Final = ("task_id", "group_id", "group_index", "chord", "chain", "replaced")
"""Options of a whole that are its last task's: by them it is known, and others wait for it."""

OF_START: Final = ("countdown", "eta")
"""Options that say when a whole begins."""


def canonical(
    sig: Signature[Any],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Signature[Any] | None:
    """A copy in canonical form, completed like a call; None when there is nothing to run.

    Arguments go to the first task of a chain, to every member of a group, to every member of a chord's header. Callbacks go to the last
    task, to every member of a group, to a body; error callbacks to every task, of a chord to the body; `task_id` to
    the last task, to a group itself, to a body; other options to the first task, to every member, to header and
    body (`countdown` and `eta`: the header). What is lazy stays so. The canonical form of one in canonical form is its equal.

    Raises:
        TypeError: a chord in it has no body.
    """
    return formed(sig.clone(args, kwargs, **(options or {})))


def formed(sig: Signature[Any]) -> Signature[Any] | None:
    """The canonical form."""
    if isinstance(sig, chain):
        return _chain(sig)
    if isinstance(sig, group):
        return _group(sig)
    if isinstance(sig, chord):
        return _chord(sig)
    return _group(sig.group()) if isinstance(sig, chunks) else sig


def is_empty(sig: Signature[Any]) -> bool:
    """Whether nothing in it is to be run; of what is lazy that is not known."""
    if isinstance(sig, chunks):
        return not isinstance(sig.kwargs["it"], Lazy) and not sig.kwargs["it"]
    if isinstance(sig, chord):
        return sig.body is not None and is_empty(sig.body) and is_empty(sig.header)
    return isinstance(sig, chain | group) and not isinstance(sig.tasks, Lazy) and all(map(is_empty, sig.tasks))


def push(
    sig: Signature[Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    links: Iterable[Any] = (),
    errbacks: Iterable[Any] = (),
) -> None:
    """Complete a part by what its whole was given; links are added to those it has."""
    sig.args, sig.kwargs, sig.options = sig._merge(args, kwargs, options)
    bearer = _bearer(sig)
    for link in links:
        if bearer is not sig and isinstance(bearer, group):
            bearer.link(link)  # of a chord, see `chord.link`
        else:
            bearer.append_to_list_option("link", copy_of(link))
    for errback in errbacks:
        bearer.append_to_list_option("link_error", copy_of(errback))


def _bearer(sig: Signature[Any]) -> Signature[Any]:
    """Who bears the links of a part: a chord's body, for what follows the chord will be a longer body of it."""
    while isinstance(sig, chord) and sig.body is not None:
        sig = sig.body
    return sig


def spread(sig: chain[Any], *, keep_empty: bool = True) -> list[Signature[Any]]:
    """The steps of a chain, those of chains in it too, completed by what the chain was given."""
    steps: list[Signature[Any]] = []
    for task in sig.tasks:
        steps += spread(task, keep_empty=keep_empty) if isinstance(task, chain) else [task]
    if not keep_empty:
        steps = [step for step in steps if not is_empty(step)]
    if not steps:
        return steps
    options = dict(sig.options)
    links, errbacks = listed(options.pop("link", None)), listed(options.pop("link_error", None))
    of_last = _taken(options, OF_LAST)
    push(steps[0], sig.args, sig.upcoming, options)
    push(steps[-1], options=of_last, links=links)
    for step in steps:
        if step is steps[-1] or not isinstance(step, group):  # else it becomes a header
            push(step, errbacks=errbacks)
    return steps


def members(sig: group[Any]) -> Iterator[Signature[Any]]:
    """The members of a group, completed by what it was given, except its id and its place."""
    options = dict(sig.options)
    links, errbacks = listed(options.pop("link", None)), listed(options.pop("link_error", None))
    _taken(options, OF_LAST)
    args, kwargs = sig.args, sig.upcoming
    tasks = sig.tasks
    has_more = bool(args or kwargs or options or links or errbacks)
    for task in tasks.pass_by() if isinstance(tasks, Lazy) else tasks:
        if has_more:
            push(task, args, kwargs, options, links=links, errbacks=errbacks)
        yield task


def collected(form: Signature[Any]) -> Signature[Any]:
    """A form whose value is one, as a member of a header must be: after a group at its end comes the task that collects."""
    if not _ends_in_group(form):
        return form
    return _followed(form, Signature(ACCUMULATE, kwargs={"index": 0}, app=form.own_app()))


def last_of(form: Signature[Any]) -> Signature[Any]:
    """What comes last in a canonical form: a task or a group."""
    if isinstance(form, chain):
        return last_of(form.tasks[-1])
    return last_of(form.body) if isinstance(form, chord) else form


def tasks_of(form: Signature[Any]) -> Iterator[Signature[Any]]:
    """Every task in a canonical form."""
    if isinstance(form, chain | group):
        if isinstance(form.tasks, Lazy):
            form.tasks = list(form.tasks)
        for task in form.tasks:
            yield from tasks_of(task)
    elif isinstance(form, chord):
        yield from tasks_of(form.header)
        yield from tasks_of(form.body)
    else:
        yield form


def _chain(sig: chain[Any]) -> Signature[Any] | None:
    steps: list[Signature[Any]] = []
    for step in spread(sig, keep_empty=False):
        form = formed(step)
        for part in form.tasks if isinstance(form, chain) else () if form is None else (form,):
            _follow(steps, part)
    return _whole(steps, sig) if steps else None


def _group(sig: group[Any]) -> group[Any]:
    own = _taken(dict(sig.options), OF_LAST)
    forms: Iterable[Signature[Any] | None] = map(formed, members(sig))
    is_lazy = sig.is_lazy
    if not is_lazy:
        forms = list(forms)
        is_lazy = any(isinstance(form, group) and form.is_lazy for form in forms)
    flat = _flat(forms)
    return group.build({"tasks": Lazy(flat, kept=0) if is_lazy else list(flat)}, app=sig._app, options=own)


def _flat(forms: Iterable[Signature[Any] | None]) -> Iterator[Signature[Any]]:
    for form in forms:
        if isinstance(form, group):
            yield from form.tasks.pass_by() if isinstance(form.tasks, Lazy) else form.tasks
        elif form is not None:
            yield form


def _chord(sig: chord[Any]) -> Signature[Any] | None:
    header, body = sig.header, sig._body
    options = dict(sig.options)
    links, errbacks = listed(options.pop("link", None)), listed(options.pop("link_error", None))
    of_body, of_header = _taken(options, OF_LAST), _taken(options, OF_START)
    push(header, sig.args, {**sig.kwargs["kwargs"], **sig.upcoming}, {**options, **of_header})
    if is_empty(body):
        push(header, options=of_body, links=links, errbacks=errbacks)
        return formed(header)
    push(sig, links=links, errbacks=errbacks)
    push(body, options={**options, **of_body})
    form = formed(body)
    assert form is not None
    heard = errbacks_of(steps_of(form))
    if heard and sig.app.conf.task_allow_error_cb_on_chord_header:
        push(header, errbacks=heard)
    return _joined(_group(header), form, sig)


def _joined(header: group[Any], body: Signature[Any], like: Signature[Any]) -> chord[Any]:
    """The chord of a header and a body in canonical form."""
    tasks = header.tasks
    header.tasks = tasks.map(collected, kept=0) if isinstance(tasks, Lazy) else [collected(task) for task in tasks]
    kwargs = {"kwargs": {}, "header": header, "body": body}
    header_id = like.kwargs.get("header_id") if isinstance(like, chord) else None
    header_id = header_id or header.options.get("task_id")
    header.options.clear()
    if header_id is not None:
        kwargs["header_id"] = header.options["task_id"] = header_id
    return chord.build(kwargs, app=like._app)


def _ends_in_group(form: Signature[Any]) -> bool:
    return isinstance(last_of(form), group)


def _follow(steps: list[Signature[Any]], step: Signature[Any]) -> None:
    """Append a step; what ends in a group is the header of a chord with it."""
    last = steps[-1] if steps else None
    if isinstance(last, group):
        steps[-1] = _joined(last, step, last)
    elif isinstance(last, chord) and _ends_in_group(last.body):
        last.body = _followed(last.body, step)
    else:
        steps.append(step)


def _followed(form: Signature[Any], step: Signature[Any]) -> Signature[Any]:
    steps = list(form.tasks) if isinstance(form, chain) else [form]
    _follow(steps, step)
    return _whole(steps, form)


def _whole(steps: list[Signature[Any]], like: Signature[Any]) -> Signature[Any]:
    return steps[0] if len(steps) == 1 else chain.build({"tasks": steps}, app=like._app)


def _taken(options: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: options.pop(name) for name in names if name in options}
