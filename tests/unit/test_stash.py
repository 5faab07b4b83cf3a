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
