"""The Lua scripts of ``scripts/``, each with what it shares with others before it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kernelq.redis import Fragment, Script

_FOLDER = Path(__file__).parent / "scripts"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")


_COMMON = _read("places") + _read("common")


def _script(*names: str) -> Script:
    return Script(_COMMON, *map(_read, names))


PUBLISH_ONE = Script(_read("places"), _read("publish_one"))
PUBLISH = _script("publish")
CLAIM = _script("deliveries", "claim")
TAKE_OVER = _script("deliveries", "take_over")
GIVE_BACK = _script("give_back")
MARK_STARTED = _script("mark_started")
RENEW = _script("renew")
STAND = _script("stand")
PURGE = _script("purge")
REVOKE = _script("revoke")
HASTEN = _script("hasten")
DEAD = _script("dead")
REVIVE = _script("revive")
FORGET_DEAD = _script("forget_dead")


@cache  # few combinations are ever used
def settle_script(fragments: tuple[Fragment, ...], db: int) -> Script:
    """The script that settles and runs these fragments, of a broker whose keys are in database `db`."""
    bodies = ",\n".join(f"function(args)\n{fragment.body}\nend" for fragment in fragments)
    return Script(f"local HOME = '{db}'\nlocal fragments = {{\n{bodies}\n}}", _COMMON, _read("settle"))


@cache
def guarded_script(fragment: Fragment, db: int) -> Script:
    """The script that publishes if the fragment agrees, of a broker whose keys are in database `db`."""
    return Script(
        f"local HOME = '{db}'\nlocal function guard(args)\n{fragment.body}\nend", _COMMON, _read("publish_guarded")
    )
