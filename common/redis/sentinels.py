"""Connections to the primary that sentinels name."""

from __future__ import annotations

import copy
from typing import Any, cast

from redis import SSLConnection
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

from common.redis.address import RedisAddress


class Sentinels(Sentinel):
    """The sentinels, asked by several threads at once.

    Args:
        address: Names the sentinels.
        options: Options of the connections to them, and to the primary.
    """

    def __init__(self, address: RedisAddress, options: dict[str, Any]) -> None:
        login = address.sentinel_login
        own = {**options, "username": login.user, "password": login.password}
        # A sentinel that does not answer is not asked again: there are others.
        own["retry"] = Retry(NoBackoff(), 0)
        super().__init__(  # type: ignore[no-untyped-call]
            list(address.hosts), sentinel_kwargs=own
        )

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the primary's host and port.

        redis-py moves the sentinel that answered to the front of its list. Two threads that do so
        at once may overwrite an entry, so each reorders a copy.
        """
        mine = copy.copy(self)
        mine.sentinels = list(self.sentinels)
        found = super(Sentinels, mine).discover_master(service_name)  # type: ignore[no-untyped-call]
        self.sentinels = mine.sentinels
        return cast("tuple[str, int]", found)


class PrimaryConnection(SentinelManagedConnection):
    """A connection that asks the sentinels each time it connects.

    redis-py's own does so only if the pool connects it. A command that is retried after the primary
    died would connect to the dead one, until its retries are used up.
    """

    connect = Connection.connect

    def _connect(self) -> Any:
        self.host, self.port = self.connection_pool.get_master_address()
        return super()._connect()  # type: ignore[no-untyped-call]


class PrimaryTlsConnection(PrimaryConnection, SSLConnection):
    """An encrypted connection that asks the sentinels each time it connects."""
