"""The active model is switched while pictures are uploaded, searched and deleted.

Every search must find all images of the jobs that succeeded before it, from one model's
collection, although workers of the new model are killed meanwhile.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.contract import INGEST_QUEUE, SEARCH_QUEUE
from tests.chaos.conftest import SETTINGS
from tests.conftest import require
from tests.support.pictures import image_id, jpeg
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, SecondWorker, Stack, Valkey

# Images before the reindex, and seconds of it and of each switch at most.
_IMAGES = 80
_TIMEOUT_S = 90


@dataclass
class Traffic:
    """Uploads, deletions and searches, and what they showed."""

    client: httpx.Client
    seed: int = 10_000
    # Images that a search must find, and those whose deletion has begun.
    searchable: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    encoders: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def upload(self, count: int) -> None:
        """Upload new pictures in one job, and wait until it has succeeded."""
        pictures = [jpeg(self.seed + index) for index in range(count)]
        self.seed += count
        files = [("file", (f"{index}.jpg", data)) for index, data in enumerate(pictures)]
        answer = self.client.post("/v1/images", files=files)
        job = finished_job(self.client, answer.raise_for_status().headers["Location"], _TIMEOUT_S)
        assert job["state"] == "succeeded", job
        self.searchable |= {image_id(data) for data in pictures}

    def delete(self) -> None:
        """Delete one image, retrying as the API asks."""
        chosen = min(self.searchable - self.deleted)
        self.deleted.add(chosen)
        wait_for(
            lambda: self.client.delete(f"/v1/images/{chosen}").status_code in (204, 404),
            _TIMEOUT_S,
            "a deletion",
        )

    def search(self) -> dict[str, Any]:
        """Search for everything, and check the answer."""
        wanted = set(self.searchable)
        body = {"text": "red", "top_k": 1000}
        answer = self.client.post("/v1/searches", json=body, headers={"Prefer": "wait=20"})
        found: dict[str, Any] = answer.raise_for_status().json()
        if found["state"] != "succeeded":
            self.wrong.append(f"a search ended as {found}")
            return found
        ids = [hit["id"] for hit in found["hits"]]
        if missing := wanted - set(ids) - self.deleted:
            self.wrong.append(f"{found['encoder']} lacks {len(missing)} of {len(wanted)}")
        if repeated := [each for each, times in Counter(ids).items() if times > 1]:
            self.wrong.append(f"{found['encoder']} has {len(repeated)} twice")
        self.encoders.append(found["encoder"])
        return found

    def _repeat(self, act: Any, pause_s: float) -> None:
        while not self.stopped.wait(pause_s):
            act()

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Upload, delete and search until the end of the block."""
        with ThreadPoolExecutor(3) as threads:
            begun = [
                threads.submit(self._repeat, lambda: self.upload(2), 0.2),
                threads.submit(self._repeat, self.delete, 0.5),
                threads.submit(self._repeat, self.search, 0.1),
            ]
            try:
                yield
            finally:
                self.stopped.set()
            for each in begun:
                each.result()
        self.stopped.clear()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    with Stack(tmp_path / "glimpse", SETTINGS) as stack:
        ready(stack.client)
        yield stack


@pytest.fixture
def seconds(stack: Stack, tmp_path: Path) -> Iterator[list[SecondWorker]]:
    """Two ingest workers and a search worker of the second model, running."""
    log = tmp_path / "embedded"
    queues = (INGEST_QUEUE, INGEST_QUEUE, SEARCH_QUEUE)
    workers = [
        SecondWorker(tmp_path / f"second-{index}", stack.settings, queue, log)
        for index, queue in enumerate(queues)
    ]
    with ThreadPoolExecutor() as threads:
        list(threads.map(SecondWorker.start, workers))
    yield workers
    for worker in workers:
        worker.kill()


def models(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/models").raise_for_status().json()
    return found


def use(client: httpx.Client, model: str) -> None:
    """Switch to a model and wait until it is active."""
    client.put("/v1/models/active", json={"model": model}).raise_for_status()
    switch = wait_for(lambda: ended_switch(client), _TIMEOUT_S, f"the switch to {model}")
    assert (switch["model"], switch["state"]) == (model, "done"), switch


def ended_switch(client: httpx.Client) -> dict[str, Any] | None:
    switch = models(client)["switch"]
    return switch if switch["state"] != "running" else None


def ended_reindex(client: httpx.Client) -> dict[str, Any] | None:
    reindex: dict[str, Any] = client.get("/v1/reindex").raise_for_status().json()
    return reindex if reindex["state"] != "running" else None


@pytest.mark.timeout(400)
def test_a_switch_loses_nothing_and_no_search_sees_half(
    stack: Stack, seconds: list[SecondWorker]
) -> None:
    traffic = Traffic(stack.client)
    traffic.upload(_IMAGES)
    with traffic.flowing():
        stack.client.post("/v1/reindex", json={"model": "second"}).raise_for_status()
        wait_for(lambda: len(seconds[0].all_begun()) > _IMAGES // 4, _TIMEOUT_S, "some progress")
        seconds[0].kill()
        seconds[0].start()
        reindex = wait_for(lambda: ended_reindex(stack.client), _TIMEOUT_S, "the reindex")
        assert reindex["state"] == "complete", reindex
        assert traffic.encoders[-1] == "hashing"
        use(stack.client, "second")
        assert traffic.search()["encoder"] == "second"
        use(stack.client, "hashing")
    assert not traffic.wrong
    assert traffic.search()["encoder"] == "hashing"
    use(stack.client, "second")
    found = {hit["id"] for hit in traffic.search()["hits"]}
    assert found == traffic.searchable - traffic.deleted
    assert not traffic.wrong
    # Pictures that the killed worker had in progress may be embedded again, but no others.
    digests = Counter(line.split()[1] for line in seconds[0].all_begun())
    again = sum(times > 1 for times in digests.values())
    assert again <= int(SETTINGS["GLIMPSE_BATCH_MAX"]) * 2
