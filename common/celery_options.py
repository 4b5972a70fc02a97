"""How Celery is set up, the same for those who send tasks and those who run them."""

from __future__ import annotations

from typing import Any

from common.redis_client import CONNECT_TIMEOUT_S, SOCKET_TIMEOUT_S
from common.settings import Settings

# Seconds that one look for abandoned tasks may take; kombu's default is 300.
_SWEEP_MUTEX_S = 30


def celery_options(settings: Settings) -> dict[str, Any]:
    """Return the configuration of a Celery app.

    The visibility timeout is set in the three places that Celery's page on
    Redis names: a place left out would keep its default and redeliver early.
    """
    transport = {
        "visibility_timeout": settings.lease_s,
        "unacked_restore_interval": settings.lease_sweep_s,
        # One look at every interval; kombu's default makes only every tenth count.
        "unacked_restore_throttle": 1,
        # A worker killed while it looked must not keep the others from looking for long.
        "unacked_mutex_expire": _SWEEP_MUTEX_S,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_keepalive": True,
    }
    return {
        "broker_url": settings.redis_url,
        "broker_transport_options": transport,
        "visibility_timeout": settings.lease_s,
        "result_backend_transport_options": {"visibility_timeout": settings.lease_s},
        # Without a bound a sender waits for ever for a free connection.
        "broker_pool_acquire_timeout": SOCKET_TIMEOUT_S,
        "broker_connection_timeout": CONNECT_TIMEOUT_S,
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "result_expires": settings.job_ttl_s,
        "redis_socket_timeout": SOCKET_TIMEOUT_S,
        "redis_socket_connect_timeout": CONNECT_TIMEOUT_S,
        "enable_utc": True,
    }
