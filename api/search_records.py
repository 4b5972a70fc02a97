"""Search records, which distinguish a pending search from an unknown id."""

from __future__ import annotations

from typing import Protocol, cast

from redis import Redis

from api.dispatch.base import TaskResult
from common.contract import Message, SearchRequest
from common.errors import NotFound
from common.redis.client import broker_call

# Seconds that a search takes at most once a worker has it: the waits for the model and the store.
_RUN_S_MAX = 60


class SearchRecord(Message):
    """A search request; its hits are the result of the task with the same id."""

    id: str
    # In seconds since 1970 by Redis's clock.
    created_at: float
    request: SearchRequest

    @property
    def first_rank(self) -> int:
        """Rank of the first of its hits."""
        return self.request.offset + 1

    def standing(self, found: TaskResult, now: float, expires_s: float) -> TaskResult:
        """Return where the search stands: failed where no worker can answer any more.

        Args:
            found: What is known of its task.
            now: The time by the clock of the record.
            expires_s: Seconds after which no worker takes the task.
        """
        if found.done or now <= self.created_at + expires_s + _RUN_S_MAX:
            return found
        # The worker that took it was killed.
        return TaskResult("failed")


class SearchRecords(Protocol):
    """Stores search records; every method raises ``BrokerUnavailable``."""

    def put(self, record: SearchRecord, ttl_s: int | None = None) -> None:
        """Store a record for this many seconds; by default, for as long as a search is kept."""
        ...

    def keep(self, search_id: str, ttl_s: int) -> None:
        """Keep a record for this many seconds from now; does nothing if there is none."""
        ...

    def get(self, search_id: str) -> SearchRecord:
        """Return a record.

        Raises:
            NotFound: The search does not exist or has expired.
        """
        ...


class MemorySearches:
    """Stores search records in this process's memory: the complete fake for tests."""

    def __init__(self) -> None:
        self._records: dict[str, SearchRecord] = {}

    def put(self, record: SearchRecord, ttl_s: int | None = None) -> None:
        """Store a record."""
        del ttl_s
        self._records[record.id] = record

    def keep(self, search_id: str, ttl_s: int) -> None:
        """Do nothing: records in memory never expire."""

    def get(self, search_id: str) -> SearchRecord:
        """Return a record."""
        try:
            return self._records[search_id]
        except KeyError:
            raise _unknown(search_id) from None


class RedisSearches:
    """Stores search records in Redis for a limited time.

    Args:
        redis: A client that decodes responses.
        ttl_s: Seconds that a record is kept.
    """

    def __init__(self, redis: Redis, ttl_s: int) -> None:
        self._redis = redis
        self._ttl_s = ttl_s

    @broker_call
    def put(self, record: SearchRecord, ttl_s: int | None = None) -> None:
        """Store a record for this many seconds."""
        self._redis.set(_key(record.id), record.model_dump_json(), ex=ttl_s or self._ttl_s)

    @broker_call
    def keep(self, search_id: str, ttl_s: int) -> None:
        """Keep a record for this many seconds from now."""
        self._redis.expire(_key(search_id), ttl_s)

    @broker_call
    def get(self, search_id: str) -> SearchRecord:
        """Return a record."""
        text = cast("str | None", self._redis.get(_key(search_id)))
        if text is None:
            raise _unknown(search_id)
        return SearchRecord.model_validate_json(text)


def _key(search_id: str) -> str:
    return f"glimpse:search:{search_id}"


def _unknown(search_id: str) -> NotFound:
    return NotFound(f"There is no search {search_id}, or it has expired.")
