"""What every dispatcher offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from common.broker.queues import QueueDepth
from common.contract import Message

TaskState = Literal["queued", "running", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Where a task stands, and what it returned once it has succeeded."""

    state: TaskState
    value: Any = None

    @property
    def done(self) -> bool:
        """Whether the state is final."""
        return self.state in ("succeeded", "failed")


class Dispatcher(Protocol):
    """Sends tasks by name and reads their results; every method raises ``BrokerUnavailable``."""

    def send(
        self, task: str, queue: str, task_id: str, message: Message, expires_s: float | None = None
    ) -> None:
        """Put a task into a queue.

        Args:
            task: A name of ``common.contract``.
            queue: A queue of ``common.contract``.
            task_id: The caller's choice; its result is kept under it.
            message: The payload.
            expires_s: Seconds after which the task is no longer worth running.
        """
        ...

    def result(self, task_id: str) -> TaskResult:
        """Return where a task stands; one that is unknown counts as queued."""
        ...

    def wait(self, task_id: str, timeout_s: float) -> TaskResult:
        """Return a task's result as soon as it is there, or its state at the timeout."""
        ...

    def depths(self) -> list[QueueDepth]:
        """Return how much waits in each queue of ``common.contract``, and what is in hand."""
        ...
