"""Who received a message, and the message as it was received: the `sender` and `request` of `task_received`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelq import Context

if TYPE_CHECKING:
    from kernelq import KernelQ


class Node(str):
    """A worker's node name, by which receivers choose a sender, with what they ask of Celery's consumer."""

    app: KernelQ

    def __new__(cls, hostname: str, app: KernelQ) -> Node:
        node = super().__new__(cls, hostname)
        node.app = app
        return node

    @property
    def hostname(self) -> str:
        """The node name."""
        return str(self)


class Received(Context):
    """The request of a run to come, with the further names that Celery's worker requests have."""

    @property
    def task_id(self) -> str:
        """The task id."""
        return str(self.id)

    @property
    def name(self) -> str:
        """The task's name, or the one that this call is to be shown by (`shadow`)."""
        return str(self.shadow or self.task)

    task_name = name
