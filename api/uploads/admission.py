"""Admission control: refuses uploads and replays, before reading the body, if overloaded."""

from __future__ import annotations

import math

from api.load.base import Load
from api.services import Services
from common.errors import Overloaded, QuotaExceeded, TenantOverloaded
from common.quotas.base import QUOTA_EXCEEDED

# Maximum share of Redis's memory in use; work in progress needs the rest for its outcomes.
_MEMORY_SHARE_MAX = 0.9
# Seconds after which to retry when Redis is nearly full.
_MEMORY_RETRY_S = 60
# Maximum of ``Retry-After``, in seconds; rates change within an hour.
_RETRY_S_MAX = 3600


def admit(services: Services, tenant: str) -> Load:
    """Accept an upload of any size if the backlogs before it are short enough.

    Concurrent requests do not see each other, so a limit can be exceeded by one request per thread
    of the API.

    Args:
        services: The services of the app.
        tenant: The owner of the upload.

    Returns:
        The load.

    Raises:
        Overloaded: A backlog is too long or Redis is nearly full; try again later.
        QuotaExceeded: The tenant has as many images as it may have.
    """
    settings = services.settings
    load = services.load.read(tenant)
    check_load(load, settings.max_wait_s, settings.tenant_pending_max)
    if load.quota is not None and load.quota.is_full:
        raise QuotaExceeded(QUOTA_EXCEEDED)
    return load


def check_load(load: Load, wait_s_max: float, tenant_pending_max: int) -> None:
    """Return if another upload may wait.

    Args:
        load: The current load.
        wait_s_max: Maximum seconds that an upload may wait for the ingest workers.
        tenant_pending_max: Number of the tenant's pending images from which it may not add more; 0
            means no limit.

    Raises:
        TenantOverloaded: The tenant's own backlog is too long.
        Overloaded: The backlog is too long or Redis is nearly full.
    """
    check_memory(load)
    if 0 < tenant_pending_max <= load.tenant_pending:
        retry_s = _retry_s((load.tenant_pending - tenant_pending_max + 1) / load.rate_per_s)
        raise TenantOverloaded(
            f"{load.tenant_pending} of your images are pending, and uploads are refused from "
            f"{tenant_pending_max} on. Try again in {retry_s} s.",
            retry_s,
        )
    if load.wait_s > wait_s_max:
        retry_s = _retry_s(load.wait_s - wait_s_max)
        raise Overloaded(
            f"{load.pending} images are pending, which takes about {load.wait_s:.0f} s at "
            f"{load.rate_per_s:.3g} per second; uploads are refused above {wait_s_max:g} s. "
            f"Try again in {retry_s} s.",
            retry_s,
        )


def check_memory(load: Load) -> None:
    """Return if Redis has room for another job; raises ``Overloaded``."""
    if load.memory_share > _MEMORY_SHARE_MAX:
        raise Overloaded(
            f"Redis is {load.memory_share:.0%} full, and uploads are refused above "
            f"{_MEMORY_SHARE_MAX:.0%}; try again in {_MEMORY_RETRY_S} s.",
            _MEMORY_RETRY_S,
        )


def _retry_s(seconds: float) -> int:
    return min(max(math.ceil(seconds), 1), _RETRY_S_MAX)
