"""The schema: the number of the form in which a service's data is stored.

Redis names the newest schema in its data, and each collection the one that it was created with. A
program reads the schemas up to ``READS`` and writes ``WRITES``; it does not start on newer data.

A form that earlier programs cannot read takes two releases: the first raises ``READS``, the second
``WRITES``. So two consecutive releases can run side by side, and either can replace the other.
"""

from __future__ import annotations

from typing import cast

from redis import Redis

from common.errors import SchemaNewer
from common.redis.client import broker_call
from common.redis.scripts import RedisScript

# The schema that this version writes, and the newest that it reads.
WRITES, READS = 1, 1

# Names the newest schema in Redis. Without it, the data is of version 0.1.0 before schemas had a
# number, or there is none.
KEY = "glimpse:schema"


@broker_call
def check(redis: Redis) -> None:
    """Check that this version reads the data in Redis, and note there what it writes.

    Args:
        redis: A client that decodes responses.

    Raises:
        SchemaNewer: A newer version has written to it.
        BrokerUnavailable: Redis does not answer.
    """
    script = RedisScript(redis, "common/lua/raise_schema.lua")
    require(cast("int", script(schema_key=KEY, reads=READS, writes=WRITES)), "Redis")


def require(found: int, where: str) -> None:
    """Raise ``SchemaNewer`` if data is of a schema that this version does not read."""
    if found > READS:
        raise SchemaNewer(
            f"{where} holds data of schema {found}, and this version reads schemas up to {READS}."
            " Run the version that wrote it, or a newer one."
        )
