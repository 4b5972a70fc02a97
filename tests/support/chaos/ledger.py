"""Consistency checks after an attack: the job, the rows, and the state left in Redis."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from kombu.transport.redis import Channel

from common.contract import DEFAULT_TENANT, ImageRecord
from common.jobs.base import COUNTERS
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.support.ingest_queues import waiting_uploads
from tests.support.pictures import image_id
from tests.support.polling import finished_job, wait_for
from tests.support.services import Stack
from worker.delivery.messages import RedisMessages
from worker.encoders.hashing import HashingEncoder
from worker.stores.identity import Identity
from worker.stores.milvus.store import MilvusStore
from worker.stores.registry import collection_name

# Seconds for a job to finish; only bounds the polling, far above any real duration.
_JOB_S = 240
# Seconds for the state left by a job to expire: a few leases, and a round of the upkeep.
_REST_S = 60
# Seconds between renewals of messages that must not be taken over: many per lease.
_RENEWAL_S = 0.2
# Retries after connections that a restart of Redis has broken.
_REDIS_RETRIES = 5

# Files to upload, by name.
Files = Mapping[str, bytes]


class Ledger:
    """Compares the views of the API, Redis and Milvus on the same images.

    Args:
        stack: The Glimpse to check, without jobs.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.redis = connect(stack.redis.url, _REDIS_RETRIES)
        encoder = HashingEncoder()
        name = collection_name(encoder.name)
        self._store = MilvusStore(stack.milvus.uri, "", name, Identity.of(encoder))
        self._rows_before = self._store.count()

    def upload(
        self, files: Files, api: str = "", tags: Sequence[str] = (), on_duplicate: str = "merge"
    ) -> str:
        """Upload files in one request, optionally to another API; return the job's location."""
        parts: list[tuple[str, Any]] = [("file", file) for file in files.items()]
        parts += [("metadata", (None, json.dumps({"tags": tags})))] if tags else []
        # Releases before `on_duplicate` refuse it.
        query = {} if on_duplicate == "merge" else {"on_duplicate": on_duplicate}
        response = self.stack.client.post(f"{api}/v1/images", files=parts, params=query)
        return response.raise_for_status().headers["Location"]

    def job(self, location: str) -> dict[str, Any]:
        """Return the current state of a job."""
        return cast("dict[str, Any]", self.stack.client.get(location).raise_for_status().json())

    def indexed(self, location: str, least: int) -> None:
        """Wait until a job has at least ``least`` images indexed; check that it is unfinished."""
        wait_for(lambda: self.job(location)["indexed"] >= least, _JOB_S, f"{least} images")
        assert self.job(location)["finished_at"] is None

    def settled(self, location: str) -> dict[str, Any]:
        """Wait for a job to finish, check that its counters add up, and return it."""
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
        """Return the number of rows added to Milvus since the start."""
        return self._store.count() - self._rows_before

    def rows(self, ids: Sequence[str]) -> tuple[Mapping[str, str], dict[str, ImageRecord]]:
        """Return the jobs and the records of those ids that have a row."""
        records = self._store.get(DEFAULT_TENANT, ids)
        return self._store.known(DEFAULT_TENANT, ids), {record.id: record for record in records}

    def missing(self, files: Iterable[bytes]) -> set[str]:
        """Return the ids of the files that have no row."""
        ids = {image_id(data) for data in files}
        return ids - set(self._store.known(DEFAULT_TENANT, list(ids)))

    def all_indexed(self, location: str, files: Files) -> None:
        """Check that a job finished with exactly one row per file."""
        job = self.settled(location)
        assert (job["state"], job["indexed"]) == ("succeeded", len(files)), job
        assert self.missing(files.values()) == set()
        assert self.new_rows() == len(files)
        self.at_rest()

    def at_rest(self) -> None:
        """Check that no task is queued or in progress, and no image counts as pending."""
        wait_for(lambda: not self.unsettled(), _REST_S, "empty queues")
        wait_for(lambda: not self.claims(owned=True), _REST_S, "the last claims to go")
        jobs = RedisJobs(self.redis, ttl_s=60)
        wait_for(lambda: jobs.pending() == 0, _REST_S, "the pending images to be counted anew")

    def claims(self, *, owned: bool = False) -> dict[str, dict[str, str]]:
        """Return the claims on images in progress or with failed attempts, or only owned claims."""
        found = {}
        for key in self.redis.scan_iter("glimpse:claim:*", count=1000):
            claim = cast("dict[str, str]", self.redis.hgetall(key))
            if claim and (not owned or "owner" in claim):
                found[str(key)] = claim
        return found

    def unsettled(self) -> int:
        """Return the number of tasks that are queued or in progress."""
        return waiting_uploads(self.redis) + cast("int", self.redis.hlen(Channel.unacked_key))

    @contextmanager
    def no_takeover(self) -> Iterator[None]:
        """Prevent workers from taking over each other's messages during the block."""
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
        """Close the connections."""
        self._store.close()
        self.redis.close()
