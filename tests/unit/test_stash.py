"""The stash: a typed place for plugins' private data."""

from __future__ import annotations

import pytest
from kernelq.stash import Stash, StashKey

NUMBER: StashKey[int] = StashKey()
OTHER: StashKey[int] = StashKey()


def test_a_value_is_found_by_its_key_only() -> None:
    stash = Stash()

    stash[NUMBER] = 1

    assert stash[NUMBER] == 1
    assert (NUMBER in stash, OTHER in stash) == (True, False)
    assert stash.get(OTHER, 7) == 7
    assert stash.get(NUMBER, 7) == 1
    with pytest.raises(KeyError):
        stash[OTHER]


def test_a_default_is_set_once() -> None:
    stash = Stash()

    assert stash.setdefault(NUMBER, 1) == 1
    assert stash.setdefault(NUMBER, 2) == 1


def test_a_value_may_be_taken_out() -> None:
    stash = Stash()
    stash[NUMBER] = 1

    del stash[NUMBER]

    assert NUMBER not in stash
