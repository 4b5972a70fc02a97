"""A fleet on several hosts: one host's link breaks, or is slow and lossy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from common.contract import SEARCH_QUEUE
from common.heartbeats import RedisHeartbeats
from tests.conftest import require
from tests.support.chaos.album import album
from tests.support.chaos.ledger import Ledger
from tests.support.network import Host, Network
from tests.support.plain_http import PLAIN
from tests.support.polling import ready, wait_for
from tests.support.relay import Relay
from tests.support.services import Api, MilvusServer, SeaweedFS, SlowWorker, Valkey, Worker

SETTINGS = {
    "GLIMPSE_MODEL": "hashing",
    "GLIMPSE_OPEN_TO": "network",
    "GLIMPSE_HEARTBEAT_S": "0.5",
    "GLIMPSE_LEASE_S": "3",
    "GLIMPSE_LEASE_SWEEP_S": "0.5",
    "GLIMPSE_RETRY_S": "0.2",
    "GLIMPSE_RETRY_S_MAX": "1",
    "GLIMPSE_CHUNK_IMAGES": "16",
    "GLIMPSE_BATCH_MAX": "8",
    "GLIMPSE_WORKER_THREADS": "4",
}
# Seconds per picture of the slow models, so that a job takes longer than a cut.
PICTURE_S = 0.03
# Delay of the bad link in seconds, times that its connections break, and seconds between these.
DELAY_S, BREAKS, BREAK_S = 0.2, 5, 1.0
# Seconds for a worker to notice that it is connected again: it waits longer after each failure.
_BACK_S = 90.0


@dataclass(frozen=True, slots=True)
class Site:
    """One service on several hosts; workers are started by the tests."""

    network: Network
    # The hosts with a worker each.
    near: Host
    far: Host
    redis: Valkey
    milvus: MilvusServer
    blobs: SeaweedFS
    settings: dict[str, str]
    client: httpx.Client


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A host with Redis, Milvus and an object store, one with an API, and two for workers."""
    if reason := Network.absent():
        pytest.skip(reason)
    require(Valkey)
    require(MilvusServer)
    require(SeaweedFS)
    folder = tmp_path_factory.mktemp("site")
    with Network() as network, ExitStack() as running:
        data, front, near, far = map(network.host, ("data", "front", "near", "far"))
        redis = running.enter_context(data.on(Valkey)(folder / "redis"))
        milvus = running.enter_context(data.on(MilvusServer)(folder / "milvus"))
        blobs = running.enter_context(data.on(SeaweedFS)(folder / "seaweedfs"))
        settings = {
            **SETTINGS,
            "GLIMPSE_REDIS_URL": redis.url,
            "GLIMPSE_MILVUS_URI": milvus.uri,
            **blobs.settings("hosts"),
        }
        api = running.enter_context(front.on(Api)(folder / "api", settings))
        search = near.on(Worker)(folder / "search", settings, SEARCH_QUEUE)
        running.enter_context(search)
        client = httpx.Client(base_url=api.url, timeout=60, **PLAIN)
        running.enter_context(client)
        yield Site(network, near, far, redis, milvus, blobs, settings, client)


@pytest.fixture
def ledger(site: Site) -> Iterator[Ledger]:
    ledger = Ledger(site)
    yield ledger
    ledger.close()


def worker_on(host: Host, site: Site, folder: Path, **settings: str) -> SlowWorker:
    """Return an ingest worker on a host; it is not started."""
    name = host.netns.name
    return host.on(SlowWorker)(
        folder / name, {**site.settings, **settings}, 0, folder / "embeddings", PICTURE_S
    )


def test_a_host_that_loses_its_link_in_the_middle_of_a_job_and_gets_it_back(
    site: Site, ledger: Ledger, photos: Path, tmp_path: Path
) -> None:
    files = album(photos, "hosts", 320)
    near, far = (worker_on(host, site, tmp_path) for host in (site.near, site.far))
    with near, far:
        ready(site.client)
        job = ledger.upload(files)
        ledger.indexed(job, 64)
        wait_for(far.begun, 60, "the far worker to begin")
        site.far.unplug()
        # The other host takes over what this one held, and ends the job.
        done = ledger.settled(job)
        assert (done["state"], done["indexed"]) == ("succeeded", len(files)), done
        wait_for(lambda: "lease.not_renewed" in far.log.read_text(), 60, "its lost leases")
        site.far.plug()
        # Back from the dead, it finishes its old tasks, whose claims others have had meanwhile.
        beats = RedisHeartbeats(ledger.redis)
        mine = f"ingest@slow.{far.pid}"
        wait_for(lambda: mine in {beat.name for beat in beats.alive()}, _BACK_S, "its heartbeat")
        ledger.all_indexed(job, files)
        # It works again, and alone.
        near.stop()
        more = album(photos, "after", 32)
        assert ledger.settled(ledger.upload(more))["indexed"] == len(more)
        assert ledger.new_rows() == len(files) + len(more)
        ledger.at_rest()


def test_a_link_with_a_delay_that_breaks_again_and_again(
    site: Site, ledger: Ledger, photos: Path, tmp_path: Path
) -> None:
    files = album(photos, "breaks", 96)

    def link(url: str) -> Relay:
        return Relay(netloc(url), address=site.network.address, delay_s=DELAY_S)

    links = map(link, (site.redis.url, site.milvus.uri, site.blobs.url))
    with ExitStack() as linked:
        redis, milvus, blobs = map(linked.enter_context, links)
        worker = worker_on(
            site.far,
            site,
            tmp_path,
            GLIMPSE_REDIS_URL=f"redis://{redis.netloc}/0",
            GLIMPSE_MILVUS_URI=f"http://{milvus.netloc}",
            AWS_ENDPOINT_URL_S3=f"http://{blobs.netloc}",
        )
        with worker:
            job = ledger.upload(files)
            wait_for(worker.begun, 60, "the worker to begin")
            for _ in range(BREAKS):
                time.sleep(BREAK_S)
                for each in (redis, milvus, blobs):
                    each.cut()
            ledger.all_indexed(job, files)


def netloc(url: str) -> str:
    """Return the host and the port of a service's URL."""
    return url.partition("://")[2].partition("/")[0]
