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


def admit(services: Services, tenant: str) -> None:
    """Accept an upload of any size if the backlogs before it are short enough.

    Concurrent requests do not see each other, so the wait can exceed the limit by one request per
    thread of the API.

    Args:
        services: The services of the app.
        tenant: The owner of the upload.

    Raises:
        Overloaded: The backlog is too long or Redis is nearly full; try again later.
        TenantOverloaded: The tenant's own backlog is too long; try again later.
        QuotaExceeded: The tenant has all the images that it may have.
    """
    load, settings = services.load.read(tenant), services.settings
    _admit_any(load, settings.max_wait_s)
    _admit_tenant(load, settings.tenant_pending_max)
    quota = services.quotas.find(tenant)
    if quota is not None and quota.is_full:
        raise QuotaExceeded(QUOTA_EXCEEDED)


def _admit_tenant(load: Load, pending_max: int) -> None:
    if 0 < pending_max <= load.tenant_pending:
        retry_s = _bounded((load.tenant_pending - pending_max + 1) / load.rate_per_s)
        raise TenantOverloaded(
            f"{load.tenant_pending} of your images are pending, and uploads are refused from"
            f" {pending_max}; try again in {retry_s} s.",
            retry_s,
        )


def _admit_any(load: Load, wait_s_max: float) -> None:
    if load.memory_share > _MEMORY_SHARE_MAX:
        raise Overloaded(
            f"Redis is {load.memory_share:.0%} full, and uploads are refused above "
            f"{_MEMORY_SHARE_MAX:.0%}; try again in {_MEMORY_RETRY_S} s.",
            _MEMORY_RETRY_S,
        )
    if load.wait_s > wait_s_max:
        retry_s = _bounded(load.wait_s - wait_s_max)
        raise Overloaded(
            f"{load.pending} images are pending, which takes about {load.wait_s:.0f} s at "
            f"{load.rate_per_s:.3g} per second; uploads are refused above {wait_s_max:g} s. "
            f"Try again in {retry_s} s.",
            retry_s,
        )


def _bounded(seconds: float) -> int:
    """Return whole seconds for ``Retry-After``."""
    return min(max(math.ceil(seconds), 1), _RETRY_S_MAX)
