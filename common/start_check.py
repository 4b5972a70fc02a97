"""What the API and every worker check when they start."""

from __future__ import annotations

from redis import Redis

from common import schema
from common.blobs.stores import check_blobs
from common.redis.setup import require_redis
from common.settings import Settings


def check_start(settings: Settings, redis: Redis) -> None:
    """Return if a process may start with these settings, and on the data of Redis.

    Args:
        settings: The process's settings.
        redis: A client of the Redis in them that decodes responses.

    Raises:
        SetupError: Redis or the blob store will never accept the settings, or the data is of a
            newer version.
        BrokerUnavailable: Redis does not answer; a retry may help.
    """
    require_redis(settings.redis)
    schema.check(redis)
    check_blobs(settings, redis)
