"""Results, under the names users know (`kernelq.result`)."""

# mypy: implicit-reexport

from .eager import EagerResult
from .graph import DependencyGraph, ResultGraph
from .group_result import GroupResult
from .joining import allow_join_result, assert_will_not_block, denied_join_result
from .promise import Promise
from .result import AsyncResult
from .result_set import ResultSet
from .tree import ResultBase, result_from_tuple

__all__ = [
    "AsyncResult", "DependencyGraph", "EagerResult", "GroupResult", "Promise", "ResultBase", "ResultGraph", "ResultSet", "allow_join_result",
    "assert_will_not_block", "denied_join_result", "result_from_tuple",
]  # fmt: skip
