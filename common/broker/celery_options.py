"""How Celery is set up, the same for those who send tasks and those who run them."""

from __future__ import annotations

from typing import Any

from common.redis_client import CONNECT_TIMEOUT_S, SOCKET_TIMEOUT_S
from common.settings import Settings


def celery_options(settings: Settings) -> dict[str, Any]:
    """Return the configuration of a Celery app.

    Celery's visibility timeout is none of it: what is delivered is held by leases
    (``worker/delivery/leases.py``), and only how often is looked for the abandoned is kombu's.
    """
    transport = {
        "unacked_restore_interval": settings.lease_sweep_s,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_keepalive": True,
    }
    return {
        "broker_url": settings.redis_url,
        "broker_transport_options": transport,
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
