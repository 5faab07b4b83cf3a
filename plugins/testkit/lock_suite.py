"""The lock suite: every behaviour of the lock store's contract, for one driver."""

from __future__ import annotations

from hypothesis import given
from kernelq import KernelQ, uuid
from kernelq.locks import LockStore

from .claiming import Claiming
from .lock_bench import store_of
from .lock_lives import SETTINGS, Step, carry_out, look, steps, told_apart
from .releasing import Releasing


class LockStoreSuite(Claiming, Releasing):
    """Subclass it in a test file as ``class TestMyLocks(LockStoreSuite)`` and say `url` or `make_url`.

    What else a subclass may say: `LockBench`.
    """

    def test_l80_it_looks_like_the_memory_store_whatever_happens(self, store: LockStore) -> None:
        with KernelQ("model", broker="memory://", set_as_current=False) as app:
            model = store_of(app, "memory://")

            @SETTINGS
            @given(steps())
            def live(life: list[Step]) -> None:
                run = uuid()
                for step in life:
                    mine = told_apart(step, run)
                    assert carry_out(store, mine) == carry_out(model, mine)
                    assert look(store, run) == look(model, run)

            live()
