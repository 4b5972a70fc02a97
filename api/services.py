"""The services that the routes use, created once per process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from flask import Flask

from api.auth.rate_limit import Counters
from api.dispatch.base import Dispatcher
from api.dispatch.celery import CeleryDispatcher
from api.health.blob_check import BlobCheck
from api.health.request_metrics import RequestMetrics
from api.idempotency.base import IdempotencyKeys
from api.idempotency.redis import RedisIdempotency
from api.load.base import LoadGauge
from api.load.redis import RedisLoad
from api.search_records import RedisSearches, SearchRecords
from common.blobs.base import BlobStore
from common.blobs.stores import open_blobs
from common.claims.base import Claims
from common.claims.redis import RedisClaims
from common.dead_letters.base import DeadLetters
from common.dead_letters.redis import RedisDeadLetters
from common.heartbeats import Heartbeats, RedisHeartbeats
from common.jobs.base import JobRecords
from common.jobs.redis import RedisJobs
from common.keys.base import Keys
from common.keys.redis import RedisKeys
from common.models.base import Models
from common.models.redis import RedisModels
from common.redis.client import connect
from common.redis.time import Clock, RedisClock
from common.reindex.base import Reindexes
from common.reindex.redis import RedisReindexes
from common.settings import Settings
from common.webhooks.base import Webhooks
from common.webhooks.redis import RedisWebhooks

_EXTENSION = "glimpse"


@dataclass(frozen=True, slots=True)
class Services:
    """The services that the API depends on; tests substitute the shipped fakes."""

    settings: Settings
    blobs: BlobStore
    # Uploaded archives that are not unpacked yet.
    archives: BlobStore
    # Query pictures, kept as long as their searches.
    queries: BlobStore
    jobs: JobRecords
    searches: SearchRecords
    heartbeats: Heartbeats
    load: LoadGauge
    claims: Claims
    dead_letters: DeadLetters
    idempotency: IdempotencyKeys
    keys: Keys
    models: Models
    reindexes: Reindexes
    webhooks: Webhooks
    dispatcher: Dispatcher
    # The clock for all times shared with other processes.
    clock: Clock
    # Request counters of each key, for rate limiting.
    counters: Counters = field(default_factory=Counters)
    # Checks the blob store for readiness.
    blob_check: BlobCheck = field(default_factory=BlobCheck)
    # Counts the requests.
    requests: RequestMetrics = field(default_factory=RequestMetrics)


def connect_services(settings: Settings) -> Services:
    """Create the real services; each connects on its first call."""
    # A waiting request uses two connections: one subscribes to its result, one reads it.
    redis = connect(settings.redis, connections=2 * settings.api_threads)
    clock, models = RedisClock(redis), RedisModels(redis)
    stores = open_blobs(settings, redis, marks=True)
    return Services(
        settings=settings,
        blobs=stores.originals,
        archives=stores.archives,
        queries=stores.queries,
        jobs=RedisJobs(redis, settings.job_ttl_s),
        searches=RedisSearches(redis, settings.search_ttl_s),
        heartbeats=RedisHeartbeats(redis),
        load=RedisLoad(redis),
        claims=RedisClaims(redis, settings.lease_s, settings.attempts_max),
        dead_letters=RedisDeadLetters(redis),
        idempotency=RedisIdempotency(
            redis, min(settings.idempotency_ttl_s, settings.job_ttl_s), settings.lease_s
        ),
        keys=RedisKeys(redis),
        models=models,
        reindexes=RedisReindexes(redis),
        webhooks=RedisWebhooks(redis),
        dispatcher=CeleryDispatcher(settings, redis, clock, models),
        clock=clock,
        counters=Counters.in_redis(settings.redis, settings.api_threads),
    )


def services_of(app: Flask) -> Services:
    """Return the services of an app."""
    return cast("Services", app.extensions[_EXTENSION])
