"""dramatiq: ``dramatiq benchmarks.queues.apps.actors``."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmarks.queues.apps import work

# A worker without a heartbeat for that long is dead; by default, one call in a thousand looks.
broker = RedisBroker(
    url=work.BROKER, heartbeat_timeout=1000 * work.LEASE_S, maintenance_chance=100_000
)
broker.add_middleware(Results(backend=RedisBackend(url=work.RESULTS)))
dramatiq.set_broker(broker)
index = dramatiq.actor(work.index, actor_name="index", store_results=True)

if __name__ == "__main__":
    work.send(index.send)
