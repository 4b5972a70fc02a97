"""Open jobs on a real stack: the upkeep closes one that is never completed."""

from __future__ import annotations

from typing import Any

import httpx

from common.redis.client import connect
from tests.support.pictures import picture
from tests.support.polling import wait_for
from tests.support.services import Stack


def show(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = client.get(job["links"]["self"]).raise_for_status().json()
    return shown


def test_a_job_that_is_never_completed_closes_by_itself(
    tenant_client: httpx.Client, shared_stack: Stack
) -> None:
    empty, filled, fresh = (tenant_client.post("/v1/jobs", json={}).json() for _ in range(3))
    path = f"/v1/images?job={filled['id']}"
    files = [("file", (f"{name}.png", picture(name))) for name in ("red", "blue")]
    assert tenant_client.post(path, files=files).status_code == 202
    wait_for(lambda: show(tenant_client, filled)["indexed"] == 2, 60, "the images")
    assert show(tenant_client, filled)["state"] == "running"
    with connect(shared_stack.redis.url) as redis:
        # As if two hours had passed.
        for job in (empty, filled):
            redis.zincrby("glimpse:jobs:additions", -7200, job["id"])
    wait_for(lambda: not show(tenant_client, filled)["open"], 60, "the upkeep")
    ended = [show(tenant_client, job) for job in (empty, filled, fresh)]
    assert [(job["state"], job["total"]) for job in ended] == [
        ("succeeded", 0),
        ("succeeded", 2),
        ("queued", 0),
    ]
    refused = tenant_client.post(path, files=files)
    assert (refused.status_code, refused.json()["code"]) == (409, "job_complete")
    with tenant_client.stream("GET", ended[1]["links"]["events"]) as events:
        assert "event: end" in events.iter_lines()
    tenant_client.delete(fresh["links"]["self"])
