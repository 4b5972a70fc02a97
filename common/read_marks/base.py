"""The interface of read marks.

A Milvus server has a clock of its own, and gives each write a time. A read **as of** a time sees
all writes up to it, whichever replica answers. A collection's read mark is a time at or after that
of every write that was reported as successful: a job raises the mark in the step that finishes it,
a deletion before its response. So a read as of the mark sees all of these writes, without waiting
for the present as a strong read does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from common.contract import AsOf


class ReadMark(NamedTuple):
    """A time of a collection.

    Attributes:
        collection: The key of the collection.
        time: The time by Milvus's clock: 20 digits, which compare as strings. As numbers, they
            exceed what Lua and JSON represent exactly.
    """

    collection: str
    time: str


class ReadMarks(Protocol):
    """The read marks of all collections; every method raises ``BrokerUnavailable``.

    A Redis that restarted or was replaced, and a replica that was promoted, may lack the last
    changes to a mark. So a mark counts only in the epoch in which it was established, which ends
    with each of these; after that, reads are strong until one of them establishes it again.
    """

    def read(self) -> AsOf:
        """Return the established marks, and the epoch in which to establish others.

        Tasks are sent with them in one step (``TaskSender.send_read``).
        """
        ...

    def advance(self, marks: Sequence[ReadMark]) -> None:
        """Raise marks to the given times, unless they are later; does not establish them."""
        ...

    def establish(self, mark: ReadMark, epoch: str) -> None:
        """Raise a mark, and make it count for an epoch.

        Args:
            mark: A time after all writes that had returned when ``read`` returned the epoch.
            epoch: As ``read`` returned it.
        """
        ...
