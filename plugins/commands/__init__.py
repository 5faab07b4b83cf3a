"""Commands: the command line ``kernelq``.

    call      send a task, and wait for its result if asked
    result    what is stored of a task, or of its whole workflow
    queues    how every queue stands
    purge     drop what waits
    dead      look at dead letters, send them again, forget them
    plugins   what is installed, whether it works, what each plugin brings
    config    the settings in effect, and where each comes from
    report    versions, platform and settings, for a bug report
    graph     how the parts of a worker hang together

``kernelq COMMAND --help`` shows options and an example of each. ``-A``, ``-b``, ``--workdir`` and the like go before the command or
behind it; options of the app's own (`app.user_options`) are known when ``-A`` comes first, and told by `user_preload_options`.

Install: part of ``pip install kernelq``. No settings.

Guarantee: tables fold on a terminal only; behind a pipe each row is one line, whole. Where a script may want to
read, ``--json`` gives JSON on standard output; messages and questions go to standard error. Exit code 0, 1 when it could not
be done (a failed task under ``call --wait`` included), 2 when the command line is wrong. Control characters in what others sent
are shown, never obeyed. Nothing that may run code when read (pickle) is read unless the app accepts it. Passwords are masked.

What it does not do: reach workers. It talks to the broker and the result backend only.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from kernelq import hookimpl

if TYPE_CHECKING:
    import click


_NAMES = ("call", "config", "dead", "graph", "plugins", "purge", "queues", "report", "result")
"""Each stands in the module of its name."""


@hookimpl
def commands(name: str | None) -> Sequence[click.Command]:
    """Imported here, and only what is wanted: a worker needs none of these, and an app that publishes no click."""
    wanted = _NAMES if name is None else [each for each in _NAMES if each == name]
    return [getattr(import_module(f".{each}", __name__), each) for each in wanted]
