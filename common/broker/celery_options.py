"""Celery's configuration, shared by senders and workers."""

from __future__ import annotations

from typing import Any

from common.redis_client import CONNECT_TIMEOUT_S, SOCKET_TIMEOUT_S
from common.settings import Settings


def celery_options(settings: Settings) -> dict[str, Any]:
    """Return the configuration of a Celery app.

    It does not set Celery's visibility timeout: leases (``worker/delivery/leases.py``) hold the
    delivered messages. Only the interval at which abandoned messages are restored is kombu's.
    """
    transport = {
        "unacked_restore_interval": settings.lease_sweep_s,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_keepalive": True,
        # Tasks have no priorities; by default kombu reads four lists per queue.
        "priority_steps": [0],
    }
    return {
        "broker_url": settings.redis_url,
        "broker_transport_options": transport,
        # Without this limit a sender waits indefinitely for a free connection.
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
