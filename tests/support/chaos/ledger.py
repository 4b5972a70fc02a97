"""What has to add up when all is over: the job, the rows, and what Redis still keeps."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from kombu.transport.redis import Channel

from common.contract import DEFAULT_TENANT, INGEST_QUEUE, ImageRecord
from common.jobs.base import COUNTERS
from common.jobs.redis import RedisJobs
from common.redis_client import connect
from tests.support.pictures import image_id
from tests.support.polling import finished_job, wait_for
from tests.support.services import Stack
from worker.delivery.messages import RedisMessages
from worker.encoders.hashing import HashingEncoder
from worker.stores.identity import Identity
from worker.stores.milvus.store import MilvusStore
from worker.stores.registry import collection_name

# Seconds in which a job has to end; a bound of loops, far more than any takes.
_JOB_S = 240
# Seconds in which what is left of a job has to go: a few leases, and a turn of the upkeep.
_REST_S = 60
# Seconds between two renewals of what is not to be taken over: many in a lease.
_RENEWAL_S = 0.2
# Times that Redis may hang up on one who has not heard yet that it was started again.
_REDIS_RETRIES = 5

# Files to upload, by their names.
Files = Mapping[str, bytes]


class Ledger:
    """Compares what the API, Redis and Milvus say of the same images.

    Args:
        stack: The Glimpse that is looked at, empty of jobs.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.redis = connect(stack.redis.url, _REDIS_RETRIES)
        encoder = HashingEncoder()
        name = collection_name(encoder.name)
        self._store = MilvusStore(stack.milvus.uri, "", name, Identity.of(encoder))
        self._rows_before = self._store.count()

    def upload(self, files: Files, api: str = "", tags: Sequence[str] = ()) -> str:
        """Upload files in one request, if need be to another API; return where their job is."""
        parts: list[tuple[str, Any]] = [("file", file) for file in files.items()]
        parts += [("metadata", (None, json.dumps({"tags": tags})))] if tags else []
        response = self.stack.client.post(f"{api}/v1/images", files=parts)
        return response.raise_for_status().headers["Location"]

    def job(self, location: str) -> dict[str, Any]:
        """Return a job as it stands."""
        return cast("dict[str, Any]", self.stack.client.get(location).raise_for_status().json())

    def indexed(self, location: str, least: int) -> None:
        """Return when a job has so many images indexed, and has not ended."""
        wait_for(lambda: self.job(location)["indexed"] >= least, _JOB_S, f"{least} images")
        assert self.job(location)["finished_at"] is None

    def settled(self, location: str) -> dict[str, Any]:
        """Return a job that has ended and whose sum is right."""
        job = finished_job(self.stack.client, location, _JOB_S)
        assert sum(job[counter] for counter in COUNTERS.values()) == job["total"], job
        return job

    def items(self, location: str, state: str = "") -> list[dict[str, Any]]:
        """Return all items of a job, or those in a state."""
        items: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": 1000} | ({"state": state} if state else {})
        while True:
            page = self.stack.client.get(f"{location}/items", params=query).json()
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            query["cursor"] = page["next_cursor"]

    def new_rows(self) -> int:
        """Return how many rows Milvus has more than at the start."""
        return self._store.count() - self._rows_before

    def rows(self, ids: Sequence[str]) -> tuple[Mapping[str, str], dict[str, ImageRecord]]:
        """Return, for those ids that have a row, the job that brought it and its record."""
        records = self._store.get(DEFAULT_TENANT, ids)
        return self._store.known(DEFAULT_TENANT, ids), {record.id: record for record in records}

    def missing(self, files: Iterable[bytes]) -> set[str]:
        """Return the ids of those files that have no row."""
        ids = {image_id(data) for data in files}
        return ids - set(self._store.known(DEFAULT_TENANT, list(ids)))

    def all_indexed(self, location: str, files: Files) -> None:
        """Check that a job ended with a row for each file, and one row only."""
        job = self.settled(location)
        assert (job["state"], job["indexed"]) == ("succeeded", len(files)), job
        assert self.missing(files.values()) == set()
        assert self.new_rows() == len(files)
        self.at_rest()

    def at_rest(self) -> None:
        """Check that nothing waits, nothing is in hand, and nothing is counted as pending."""
        wait_for(lambda: not self.unsettled(), _REST_S, "empty queues")
        wait_for(lambda: not self.claims(owned=True), _REST_S, "the last claims to go")
        jobs = RedisJobs(self.redis, ttl_s=60)
        wait_for(lambda: jobs.pending() == 0, _REST_S, "the pending images to be counted anew")

    def claims(self, *, owned: bool = False) -> dict[str, dict[str, str]]:
        """Return what is kept of images in hand or tried in vain, or only what is in hand."""
        found = {}
        for key in self.redis.scan_iter("glimpse:claim:*", count=1000):
            claim = cast("dict[str, str]", self.redis.hgetall(key))
            if claim and (not owned or "owner" in claim):
                found[str(key)] = claim
        return found

    def unsettled(self) -> int:
        """Return how many tasks wait or are in hand."""
        waiting = cast("int", self.redis.llen(INGEST_QUEUE))
        return waiting + cast("int", self.redis.hlen(Channel.unacked_key))

    @contextmanager
    def no_takeover(self) -> Iterator[None]:
        """Let no worker take over meanwhile what another one had in hand."""
        messages, ended = RedisMessages(self.redis), threading.Event()

        def renew() -> None:
            while not ended.wait(_RENEWAL_S):
                messages.renew(cast("list[str]", self.redis.hkeys(Channel.unacked_key)))

        thread = threading.Thread(target=renew)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def close(self) -> None:
        """Let go of the connections."""
        self._store.close()
        self.redis.close()
