"""Everything that `glimpse doctor` checks, in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from functools import partial
from pathlib import Path

from cli.doctor import api, blobs, milvus, redis, workers
from cli.errors import RedisNotFound
from cli.service import redis_address
from cli.service.environ import found_environ
from cli.service.relay import Relay
from common.blobs.mark import BlobMark
from common.blobs.stores import open_blobs, try_blobs
from common.errors import BlobsMisconfigured
from common.findings import Finding
from common.heartbeats import RedisHeartbeats
from common.keys.redis import RedisKeys
from common.models.redis import RedisModels
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import Settings, load_settings
from glimpse_client import Glimpse, RetryPolicy

# Seconds to retry a request to the API.
_RETRY_S = 5.0


def findings(data: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield all findings about a service.

    Args:
        data: Data folder of `glimpse up`, for addresses that the variables do not set.
        environ: The variables of the API or of a worker.

    Raises:
        InvalidSettings: A variable is invalid.
    """
    # Without the address of a stack, the default is checked: that nothing answers is a finding.
    settings = load_settings(found_environ(environ, data))
    has_keys = yield from _of_redis_and_what_needs_it(settings, _advice(data))
    yield from milvus.look(settings.milvus_uri)
    retry_policy = RetryPolicy(_RETRY_S)
    with (
        Glimpse.from_environ(retry_policy) as client,
        Glimpse(
            client.url, retry_policy=retry_policy, transport=Relay("glimpse-doctor")
        ) as relayed,
    ):
        yield from api.look(client, has_keys, relayed, redis_address.create_key(data))


def _of_redis_and_what_needs_it(
    settings: Settings, advice: str
) -> Generator[Finding, None, bool | None]:
    """Yield findings; return whether there are keys, or None if Redis does not tell."""
    unreachable = redis.reach(settings.redis, advice)
    if unreachable is not None:
        yield unreachable
        return None
    with connect(settings.redis) as client:
        clock = RedisClock(client)
        yield from redis.look(client, settings.redis)
        beats, active = RedisHeartbeats(client).alive(), RedisModels(client).roles().active
        yield from workers.look(beats, active, clock.now())
        stores = open_blobs(settings, client)
        try_it = partial(_try_blobs, settings, stores.mark)
        yield from blobs.look(stores.queries, settings.blobs_folder, clock, try_it)
        return RedisKeys(client).exist()


def _try_blobs(settings: Settings, mark: BlobMark) -> None:
    try_blobs(settings)
    if mark.is_elsewhere():
        raise BlobsMisconfigured(
            "These are not the service's blobs: the API has marked another folder or bucket. Set"
            " GLIMPSE_BLOBS_DIR or GLIMPSE_BLOBS_URL as for the API, and mount the folder."
        )


def _advice(data: Path) -> str:
    """Return what to do if Redis does not answer: without an address, a default was tried."""
    try:
        redis_address.find(data)
    except RedisNotFound as error:
        return str(error)
    return "Run this with the service's settings, or name the data folder with --data."
