"""A graph of what depends on what, as `AsyncResult.build_graph` makes one of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from kernelq.workflow_views import Drawing

    from .tree import ResultBase


class DependencyGraph:
    """Nodes, each with the nodes it leads to. `formatter` gives the label of a node in drawings."""

    def __init__(self, formatter: Callable[[Any], str] | None = None) -> None:
        self._label = formatter or str

    @cached_property
    def adjacent(self) -> dict[Any, list[Any]]:
        """Each node with the nodes it leads to."""
        return {}

    def add_arc(self, node: Any) -> None:
        """Add a node, unless it is there."""
        self.adjacent.setdefault(node, [])

    def add_edge(self, start: Any, end: Any) -> None:
        """Let one node lead to another; both are there already."""
        self.adjacent[start].append(end)

    def edges(self) -> Iterator[Any]:
        """The nodes that lead somewhere."""
        return (node for node, following in self.adjacent.items() if following)

    def valency_of(self, node: Any) -> int:
        """How many edges lead on from it and from what is below it; 0 for an unknown node."""
        following = self.adjacent.get(node, ())
        return len(following) + sum(map(self.valency_of, following))

    def topsort(self) -> list[Any]:
        """The nodes, each after all that it leads to; raises `graphlib.CycleError` when they lead in a circle."""
        return list(TopologicalSorter(self.adjacent).static_order())

    def to_dot(self, file: TextIO) -> None:
        """Write it in the language of Graphviz."""
        print("digraph dependencies {", file=file)
        for node, following in self.adjacent.items():
            print(f"    {self._quoted(node)};", file=file)
            for each in following:
                print(f"    {self._quoted(node)} -> {self._quoted(each)};", file=file)
        print("}", file=file)

    def items(self) -> Iterable[tuple[Any, list[Any]]]:
        """(node, the nodes it leads to)."""
        return self.adjacent.items()

    def __getitem__(self, node: Any) -> list[Any]:
        return self.adjacent[node]

    def __contains__(self, node: object) -> bool:
        return node in self.adjacent

    def __iter__(self) -> Iterator[Any]:
        return iter(self.adjacent)

    def __len__(self) -> int:
        return len(self.adjacent)

    def _quoted(self, node: Any) -> str:
        text = self._label(node).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'


class ResultGraph(DependencyGraph):
    """`AsyncResult.graph`: the tree of a result and what its task called, built when it is first looked at. Called, it draws the workflow."""

    def __init__(self, result: ResultBase) -> None:
        super().__init__()
        self._result = result

    @cached_property
    def adjacent(self) -> dict[Any, list[Any]]:
        """Raises `IncompleteStream` while a task of the tree has not ended."""
        return self._result.build_graph().adjacent

    def __call__(self) -> Drawing:
        """The drawing of the whole workflow the result belongs to, with the state of each task, at any time.

        Raises:
            UnknownWorkflow: none is known.
        """
        from kernelq import workflow_views

        return workflow_views.draw(self._result.app, self._result.id)
