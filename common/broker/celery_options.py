"""Celery's configuration, shared by senders and workers."""

from __future__ import annotations

from typing import Any

from common.broker.remote_control import CONTROL_EXCHANGE, EVENT_EXCHANGE, EVENT_QUEUE_PREFIX
from common.broker.transport import sender_transport
from common.redis.address import at
from common.redis.client import CONNECT_TIMEOUT_S, SOCKET_TIMEOUT_S
from common.settings import Settings


def celery_options(settings: Settings) -> dict[str, Any]:
    """Return the configuration of a Celery app.

    It does not set Celery's visibility timeout: leases (``worker/delivery/leases.py``) hold the
    delivered messages. Only the interval at which abandoned messages are restored is kombu's.
    """
    address = settings.redis
    transport = {
        "unacked_restore_interval": settings.lease_sweep_s,
        # Tasks have no priorities; by default kombu reads four lists per queue.
        "priority_steps": [0],
    }
    return {
        # For Celery's log lines: the transport has the address.
        "broker_url": f"redis://{at(*address.hosts[0])}/{address.db}",
        "broker_transport": sender_transport(address),
        "broker_transport_options": transport,
        # Without this limit a sender waits indefinitely for a free connection.
        "broker_pool_acquire_timeout": SOCKET_TIMEOUT_S,
        "broker_connection_timeout": CONNECT_TIMEOUT_S,
        "control_exchange": CONTROL_EXCHANGE,
        "event_exchange": EVENT_EXCHANGE,
        "event_queue_prefix": EVENT_QUEUE_PREFIX,
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "result_expires": settings.job_ttl_s,
        "enable_utc": True,
    }
