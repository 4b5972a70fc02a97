"""The states of a job's images in Redis.

A string has one letter per image, so that a million states take a megabyte, and a page of failures
is found by searching it. The code and detail of each failed image are in a hash by index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, cast

from redis import Redis

from common.jobs.base import ItemState
from common.jobs.fields import job_key

# The letter of a duplicate that the upload has changed.
CHANGED = "D"
# The state of each letter; "b" are queued images that a worker has begun.
_STATES: dict[str, ItemState] = {
    "q": "queued",
    "b": "queued",
    "i": "indexed",
    "d": "duplicate",
    CHANGED: "duplicate",
    "m": "modified",
    "u": "unchanged",
    "f": "failed",
    "c": "cancelled",
}
# Number of letters read per command.
_SLICE = 65_536


class State(NamedTuple):
    """The state of one image, why it failed, and whether an upload of a duplicate changed it."""

    state: ItemState
    code: str | None = None
    detail: str | None = None
    changed: bool = False


class States(Protocol):
    """Reads the states of one job's images."""

    def find(self, state: ItemState, start: int, limit: int) -> list[int]:
        """Return up to ``limit`` indices of images in a state, ascending from ``start``."""
        ...

    def at(self, indices: Sequence[int], known: ItemState | None = None) -> list[State]:
        """Return the states at these ascending indices; "queued" where there is no image.

        Args:
            indices: The indices.
            known: The state that all of them were found in; None if it must be read.
        """
        ...

    def begun(self, indices: Sequence[int]) -> list[bool]:
        """Return for each of these queued images whether a worker has begun it."""
        ...


class PackedStates:
    """The states of a job whose record is packed.

    Args:
        redis: A client that decodes responses.
        job_id: The job.
    """

    def __init__(self, redis: Redis, job_id: str) -> None:
        self._redis = redis
        self._key = f"{job_key(job_id)}:states"
        self._failures_key = f"{job_key(job_id)}:failures"

    def find(self, state: ItemState, start: int, limit: int) -> list[int]:
        """Return up to ``limit`` indices of images in a state."""
        return list(islice(self._find(state, start), limit))

    def at(self, indices: Sequence[int], known: ItemState | None = None) -> list[State]:
        """Return the states at these indices."""
        if known is not None and known != "duplicate":
            letters = [known[0]] * len(indices)
        else:
            letters = self._letters(indices)
        states = [_STATES.get(letter, "queued") for letter in letters]
        failed = [index for index, at in zip(indices, states, strict=True) if at == "failed"]
        texts = self._redis.hmget(self._failures_key, map(str, failed)) if failed else []
        why = dict(zip(failed, cast("list[str]", texts), strict=True))
        return [
            State(*json.loads(why[index])) if index in why else State(at, changed=letter == CHANGED)
            for index, at, letter in zip(indices, states, letters, strict=True)
        ]

    def begun(self, indices: Sequence[int]) -> list[bool]:
        """Return for each of these queued images whether a worker has begun it."""
        return [letter == "b" for letter in self._letters(indices)]

    def _find(self, state: ItemState, start: int) -> Iterator[int]:
        letters = [letter for letter, its_state in _STATES.items() if its_state == state]
        wanted = re.compile(f"[{''.join(letters)}]")
        is_last = False
        while not is_last:
            some = self._range(start, start + _SLICE - 1)
            yield from (start + found.start() for found in wanted.finditer(some))
            start += len(some)
            is_last = len(some) < _SLICE

    def _letters(self, indices: Sequence[int]) -> list[str]:
        if indices and indices[-1] - indices[0] == len(indices) - 1:
            return list(self._range(indices[0], indices[-1]).ljust(len(indices)))
        pipe = self._redis.pipeline(transaction=False)
        for index in indices:
            pipe.getrange(self._key, index, index)
        return cast("list[str]", pipe.execute())

    def _range(self, first: int, last: int) -> str:
        return cast("str", self._redis.getrange(self._key, first, last))


class StatesOfVersion1:
    """The states of a job whose record is not packed: a hash of outcomes, and a set per state.

    Args:
        redis: A client that decodes responses.
        job_id: The job.
    """

    def __init__(self, redis: Redis, job_id: str) -> None:
        self._redis = redis
        self._key = job_key(job_id)

    def find(self, state: ItemState, start: int, limit: int) -> list[int]:
        """Return up to ``limit`` indices of images in a state."""
        key = f"{self._key}:{state}"
        found = self._redis.zrangebyscore(key, start, "+inf", start=0, num=limit)
        return [int(index) for index in cast("list[str]", found)]

    def at(self, indices: Sequence[int], known: ItemState | None = None) -> list[State]:
        """Return the states at these indices."""
        del known
        if not indices:
            return []
        texts = self._redis.hmget(f"{self._key}:outcomes", map(str, indices))
        return [
            State(*json.loads(text)) if text is not None else State("queued")
            for text in cast("list[str | None]", texts)
        ]

    def begun(self, indices: Sequence[int]) -> list[bool]:
        """Return for each of these queued images whether a worker has begun it."""
        if not indices:
            return []
        found = self._redis.smismember(f"{self._key}:begun", list(map(str, indices)))
        return [bool(is_begun) for is_begun in cast("list[int]", found)]
