"""Ids of tasks."""

from __future__ import annotations

import os
import uuid as standard

from kernelq import uuid


def test_an_id_is_a_uuid_of_time_and_chance_as_text() -> None:
    made = standard.UUID(uuid())

    assert (made.version, made.variant) == (7, standard.RFC_4122)


def test_ids_differ() -> None:
    assert len({uuid() for _ in range(1000)}) == 1000


def test_parent_and_child_of_a_fork_never_make_the_same_id() -> None:
    uuid()  # so that spare ones may wait
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, " ".join(uuid() for _ in range(20)).encode())
        os._exit(0)
    os.waitpid(child, 0)

    theirs = set(os.read(read, 4096).decode().split())

    os.close(read)
    os.close(write)
    assert len(theirs) == 20
    assert theirs.isdisjoint(uuid() for _ in range(300))
