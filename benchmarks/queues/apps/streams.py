"""taskiq on Redis streams: ``taskiq worker benchmarks.queues.apps.streams:broker``."""

from __future__ import annotations

import asyncio

from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.queues.apps import work

# Messages that no worker has acknowledged for that long are another's. Without a timeout, the lock
# of a worker that was killed while it looked for them would stay.
broker = RedisStreamBroker(
    url=work.BROKER,
    idle_timeout=1000 * work.LEASE_S,
    unacknowledged_lock_timeout=work.LEASE_S,
    consumer_id="0",
).with_result_backend(RedisAsyncResultBackend(redis_url=work.RESULTS, result_ex_time=3600))
# taskiq runs functions that are not coroutines in its pool of threads.
index = broker.task(task_name="index")(work.index)


async def _send() -> None:
    await broker.startup()
    begun = work.now()
    for names in work.tasks():
        await index.kiq(names)
    work.report(begun)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(_send())
