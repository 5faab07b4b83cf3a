"""What the scripts are told of operations; see ``scripts/change.lua``."""

from __future__ import annotations

from math import ceil

from kernelq.contracts import pack
from kernelq.redis import Word
from kernelq.workflows import Arrive, Close, Drop, Forget, Keep, Op, Open, Reopen


def words_of(op: Op, prefix: str) -> list[Word]:
    """One operation, in the space with this prefix."""
    match op:
        case Arrive():  # the most frequent by far
            return ["A", prefix, op.join, op.place, op.part, "01"[op.failed]]
        case Keep() if op.ttl is not None and op.ttl <= 0:  # outlived at once
            return ["D", prefix, op.key]
        case Keep():
            return ["K", prefix, op.key, op.value, _milliseconds(op.ttl)]
        case Drop():
            return ["D", prefix, op.key]
        case Open():
            message = op.message
            size: Word = "" if op.size is None else op.size
            priority = min(max(message.priority, 0), 9)
            eta: Word = "" if message.eta is None else message.eta
            told: list[Word] = [message.queue, priority, eta, message.key, pack(message)]
            return ["O", prefix, op.join, size, op.record, *told]
        case Close():
            return ["C", prefix, op.join, op.state, _milliseconds(op.ttl)]
        case Reopen():
            return ["R", prefix, op.join]
        case Forget():
            return ["G", prefix, op.join]


def _milliseconds(ttl: float | None) -> Word:
    return "" if ttl is None else ceil(ttl * 1000)
