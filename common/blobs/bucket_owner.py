"""The owner of a bucket: the one service that may keep its blobs there."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from typing import cast

from redis import Redis

from common.blobs.bucket import Bucket
from common.errors import BucketShared
from common.redis.client import broker_call

# The object that names the owner, and the key in Redis with this service's name.
_OBJECT, _KEY = "glimpse-owner", "glimpse:blobs:owner"
# Seconds between two checks of a process, between two writes of the object, and after which an
# owner that has not written it counts as gone.
_PAUSE_S, _RENEW_S, _GONE_S = 60.0, 300.0, 900.0


class BucketOwner:
    """Keeps a second service out of a bucket: to each, the other's blobs would be orphans.

    A service is known by a random name in its Redis. It writes the name into the bucket, and
    renews it there. If two services begin at the same moment, the first to write is refused at its
    next check.

    Args:
        redis: A client that decodes responses.
        bucket: The bucket.
        now: Returns the time of a monotonic clock, in seconds.
    """

    def __init__(
        self, redis: Redis, bucket: Bucket, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._bucket = bucket
        self._now = now
        # The name that this process proposes, or has read; if Redis loses it, it is restored.
        self._name = secrets.token_hex(16)
        self._checked_at = -math.inf

    def keep(self) -> None:
        """Call ``check``, unless it succeeded within the last minute."""
        if self._now() - self._checked_at >= _PAUSE_S:
            self.check()
            self._checked_at = self._now()

    @broker_call
    def check(self) -> None:
        """Make this service the owner, or renew that it is.

        Raises:
            BucketShared: Another service is the owner.
            BrokerUnavailable: Redis does not answer.
            BlobsUnavailable: The bucket cannot be read or written.
        """
        self._redis.set(_KEY, self._name, nx=True)
        self._name = cast("str", self._redis.get(_KEY))
        found = self._bucket.get(_OBJECT)
        age_s = math.inf if found is None else found.now - found.at
        is_mine = found is not None and found.data == self._name.encode()
        if not is_mine and age_s < _GONE_S:
            raise BucketShared(
                f"Another Glimpse service has used this bucket and prefix {age_s:.0f} s ago. Give"
                " each service a prefix of its own in GLIMPSE_BLOBS_URL. If the other service is"
                f" gone, or is this one before its Redis lost its data, wait {_GONE_S:.0f} s, or"
                f" delete the object {_OBJECT}."
            )
        if age_s > _RENEW_S:
            self._bucket.put(_OBJECT, self._name.encode())
