"""The interface of the models that a service knows.

One model is active: its workers run uploads and searches. A worker of another model consumes
only queues of its own. A switch has two steps, so that every search finds all images of the
jobs that succeeded before it: first uploads go to the next model, while its workers hold them
back; once its collection is complete, searches go to it too.
"""

from __future__ import annotations

from typing import Literal, Protocol

from common.contract import INGEST_QUEUE, Message

SwitchState = Literal["running", "done", "refused"]


class Switch(Message):
    """The last switch of the active model."""

    # The model that is to become active.
    model: str
    state: SwitchState
    # Whether it may leave images out that its model lacks.
    allow_missing: bool = False
    # What it waits for, or why it was refused; a sentence for the operator.
    detail: str | None = None
    # When its state last changed, in seconds since 1970.
    at: float


class Roles(Message):
    """The models that run tasks now; None before the first worker has started."""

    # Runs searches.
    active: str | None = None
    # During the last step of a switch: the model that already takes uploads.
    following: str | None = None

    def of(self, queue: str) -> str | None:
        """Return the model whose workers run the tasks of a queue."""
        if queue == INGEST_QUEUE and self.following is not None:
            return self.following
        return self.active


class Models(Protocol):
    """The models of the service; every method raises ``BrokerUnavailable``."""

    def roles(self) -> Roles:
        """Return the models that run tasks now."""
        ...

    def adopt(self, model: str) -> Roles:
        """Note that workers of a model exist; make it active if none is."""
        ...

    def known(self) -> list[str]:
        """Return all models that have had workers, sorted."""
        ...

    def forget(self, model: str) -> None:
        """Remove a model from the known ones."""
        ...

    def begin_switch(self, switch: Switch) -> bool:
        """Start a switch; return False if a switch to another model is in progress."""
        ...

    def hold_uploads(self, model: str) -> bool:
        """Send uploads to the next model; return False if its switch was called off."""
        ...

    def activate(self, model: str, now: float) -> bool:
        """Make the next model active; return False if its switch was called off."""
        ...

    def refuse(self, model: str, detail: str, now: float) -> None:
        """End a switch in progress without success; uploads go to the active model again."""
        ...

    def switch(self) -> Switch | None:
        """Return the last switch, or None if there was none."""
        ...
