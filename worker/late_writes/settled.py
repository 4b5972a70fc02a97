"""Tells rows that count from rows that a worker wrote too late and is about to correct."""

from __future__ import annotations

from collections.abc import Mapping

from common.claims.base import Claims


def settled_jobs(claims: Claims, tenant: str, found: Mapping[str, str]) -> dict[str, str]:
    """Return the jobs whose rows claimed images should have; without those that should have none.

    A worker that was frozen may have written a row after others had taken over its image, and
    deleted it or indexed it for another job; its amends restore what they left. Until then, what
    they left counts, and not the row.

    Args:
        claims: The claims on images.
        tenant: The owner of the images.
        found: The jobs of the rows that are in the store, by image id.

    Raises:
        BrokerUnavailable: Redis does not answer; retry later.
    """
    left = claims.left(tenant, list(found))
    jobs = {**found, **{image_id: state.job_id for image_id, state in left.items()}}
    return {image_id: job for image_id, job in jobs.items() if job}
