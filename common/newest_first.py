"""Lists of records by creation time, newest first: in Redis, and in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar, cast

from redis import Redis

from common.cursors import read_cursor, write_cursor

# Number of records read per round trip.
_PAGE = 500
# Maximum number of records read for a page, however few of them it returns.
_READ_MAX = 5000


class Placed(Protocol):
    """A record that has a place in a list."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def created_at(self) -> float:
        """When it was created, in seconds since 1970."""
        ...


Record = TypeVar("Record", bound=Placed)


def page_of(
    records: Iterable[Record], wanted: Callable[[Record], bool], limit: int, cursor: str | None
) -> tuple[list[Record], str | None]:
    """Return a page of the records that are wanted, and the cursor of the next page.

    As ``NewestFirst`` does, of records in memory.
    """
    ordered = sorted(records, key=lambda record: (record.created_at, record.id), reverse=True)
    if cursor is not None:
        last = read_cursor(cursor)
        ordered = [record for record in ordered if (record.created_at, record.id) < last]
    found = list(filter(wanted, ordered))
    shown, more = found[:limit], len(found) > limit
    return shown, write_cursor(shown[-1].created_at, shown[-1].id) if more else None


class NewestFirst(Generic[Record]):
    """Reads sorted sets of ids; this removes the ids of expired records.

    Args:
        redis: A client that decodes responses.
        read: Takes the key of a sorted set and some of its ids; returns their records, None for
            expired ones.
    """

    def __init__(
        self, redis: Redis, read: Callable[[str, Sequence[str]], list[Record | None]]
    ) -> None:
        self._redis = redis
        self._read_records = read

    def page(
        self, key: str, wanted: Callable[[Record], bool], limit: int, cursor: str | None
    ) -> tuple[list[Record], str | None]:
        """Return a page of the records that are wanted, and the cursor of the next page."""
        shown: list[Record] = []
        for number, record in enumerate(self._newest(key, cursor, min(limit + 1, _PAGE)), 1):
            if wanted(record):
                if len(shown) == limit:
                    return shown, write_cursor(shown[-1].created_at, shown[-1].id)
                shown.append(record)
            if number == _READ_MAX:
                return shown, write_cursor(record.created_at, record.id)
        return shown, None

    def trim(self, key: str) -> None:
        """Remove expired records, from the oldest until a page of records has none.

        Records expire roughly in order of creation. An expired one that follows live ones may stay
        until ``page`` reads it.
        """
        while ids := cast("list[str]", self._redis.zrange(key, 0, _PAGE - 1)):
            if None not in self._read(key, ids):
                break

    def _newest(self, key: str, cursor: str | None, page: int) -> Iterator[Record]:
        """Iterate over the records by descending creation time, then by descending id."""
        last = read_cursor(cursor) if cursor is not None else (math.inf, "")
        offset = 0
        while True:
            found = self._redis.zrange(
                key,
                last[0] if math.isfinite(last[0]) else "+inf",
                "-inf",
                desc=True,
                byscore=True,
                offset=offset,
                num=page,
                withscores=True,
            )
            places = [(at, each) for each, at in cast("list[tuple[str, float]]", found)]
            records = self._read(key, [each for at, each in places if (at, each) < last])
            yield from (record for record in records if record is not None)
            if len(places) < page:
                return
            # More records with the same creation time may follow.
            is_tie = places[-1][0] == last[0]
            offset = offset + len(places) - records.count(None) if is_tie else 0
            last = min(last, places[-1])

    def _read(self, key: str, ids: Sequence[str]) -> list[Record | None]:
        """Return the records with these ids; expired ones are None and removed from the list."""
        records = self._read_records(key, ids)
        expired = [each for each, record in zip(ids, records, strict=True) if record is None]
        if expired:
            self._redis.zrem(key, *expired)
        return records
