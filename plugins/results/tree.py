"""Results as a tree: each has its parent, and as children the results of what its task called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .errors import IncompleteStream
from .graph import DependencyGraph, ResultGraph
from .joining import assert_will_not_block

if TYPE_CHECKING:
    from kernelq import KernelQ

    from .result import AsyncResult


class ResultBase(ABC):
    """What results and groups of results have in common."""

    id: str
    parent: ResultBase | None = None

    @property
    @abstractmethod
    def app(self) -> KernelQ:
        """The app whose backend is asked."""

    @property
    @abstractmethod
    def children(self) -> list[Any]:
        """The results below this one."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether everything in it has come to its end."""

    @abstractmethod
    def get(self, timeout: float | None = None, propagate: bool = True) -> Any:
        """Wait for it and return what came of it."""

    @abstractmethod
    def leaves(self) -> Iterator[AsyncResult[Any]]:
        """The results of single tasks in it."""

    @abstractmethod
    def as_tuple(self) -> tuple[Any, ...]:
        """``((id, parent), children or None)``: the form results are stored in, see `result_from_tuple`."""

    def ancestors(self) -> Iterator[ResultBase]:
        """The parent, its parent, …"""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    def __json__(self) -> list[Any]:
        """A task that returns a result stores its tuple."""
        tree: list[Any] = _listed(self.as_tuple())
        return tree

    def iterdeps(self, intermediate: bool = False) -> Iterator[tuple[Any, Any]]:
        """(parent or None, result) of this one and all below it, level by level.

        Raises:
            IncompleteStream: one of them has not ended, so that its children are not known; not with `intermediate`.
        """
        waiting: deque[tuple[Any, Any]] = deque([(None, self)])
        while waiting:
            parent, node = waiting.popleft()
            yield parent, node
            if not (intermediate or node.ready()):
                raise IncompleteStream(f"the task [{node.id}] has not ended, so what it called is not known yet")
            waiting.extend((node, child) for child in node.children)

    def collect(self, intermediate: bool = False, **options: Any) -> Iterator[tuple[Any, Any]]:
        """(result, its value) of this one and all below it, level by level; `options` are those of `get`."""
        assert_will_not_block()
        for _, node in self.iterdeps(intermediate):
            yield node, node.get(**options)

    def get_leaf(self) -> Any:
        """The value of the last result of the lowest level."""
        value = None
        for _, node in self.iterdeps():
            value = node.get()
        return value

    def build_graph(self, intermediate: bool = False, formatter: Callable[[Any], str] | None = None) -> DependencyGraph:
        """The tree as a graph, for drawing it (`DependencyGraph.to_dot`)."""
        graph = DependencyGraph(formatter)
        for parent, node in self.iterdeps(intermediate):
            graph.add_arc(node)
            if parent is not None:
                graph.add_edge(parent, node)
        return graph

    @property
    def graph(self) -> ResultGraph:
        """`build_graph()`, once it is looked at; ``result.graph()`` draws the workflow."""
        return ResultGraph(self)

    def retry_failed(self) -> int:
        """Run again what failed of the finished workflow this belongs to, and go on from there; how many tasks were started again.

        What succeeded is not run again. A call that was cut off is finished by another one.

        Raises:
            UnknownWorkflow: no workflow is known that has this in it.
            WorkflowNotFinished: a task of it has not ended.
            MessageNotKept: what one of them was called with is not known any more; nothing was changed.
        """
        from kernelq import workflow_views

        count = workflow_views.retry_failed(self.app, self.id)
        for node in (self, *self.ancestors()):
            node.unsettle()
        return count

    @abstractmethod
    def unsettle(self) -> None:
        """Look anew for what did not succeed: it may be run again."""

    def as_list(self) -> list[str]:
        """The ids: its own, then its parents'."""
        return [self.id, *(above.id for above in self.ancestors())]


def result_from_tuple(stored: Any, app: Any = None) -> Any:
    """The result or group of results that `ResultBase.as_tuple` was made of; anything else is given back as it is."""
    if not isinstance(stored, list | tuple):
        return stored
    from .group_result import GroupResult
    from .result import AsyncResult

    head, nodes = stored
    id, parent = head if isinstance(head, list | tuple) else (head, None)
    above = result_from_tuple(parent, app) if parent else None
    if nodes is None:
        return AsyncResult(id, app=app, parent=above)
    return GroupResult(id, [result_from_tuple(node, app) for node in nodes], parent=above, app=app)


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple | list) else value
