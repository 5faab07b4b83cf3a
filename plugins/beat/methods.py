"""What this plugin adds to the app."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .running import Beat

log = logging.getLogger("kernelq.beat")


class AppMethods:
    """Attributes of every app, found by the entry points ``KernelQ.<name>``."""

    def add_periodic_task(
        self: Any,
        schedule: Any,
        sig: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | tuple[()] = (),
        name: str | None = None,
        **opts: Any,
    ) -> str:
        """Have a signature or task sent by a schedule (seconds, a timedelta, a `crontab`, …); return the entry's name.

        The name is that of the signature if none is given; an entry of the same name is replaced. `opts` are options of the
        call (``queue``, ``expires``, …), or say of the entry what `beat_schedule` may (``catch_up``, ``overlap``, ``zone``, …). For tasks of other modules call it on `on_after_finalize`.
        """
        from .periodic import add, code_entries, entry_of_signature

        sig, entry = entry_of_signature(self, schedule, sig, args, kwargs, opts)
        key = name or repr(sig)
        if name is None and key in code_entries(self):
            log.warning("the periodic task %s takes the place of another one of this name; give it a name", key)
        add(self, key, entry)
        return key

    def Beat(self: Any, **options: Any) -> Beat:
        """A scheduler of this app, to be run; see `kernelq.beat.Beat`."""
        from .running import Beat

        return Beat(self, **options)
