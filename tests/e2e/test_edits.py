"""Edits of indexed images by real workers, on Milvus Lite."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.pictures import image_id, jpeg
from tests.support.polling import finished_job

FILES = {f"album/{number}.jpg": jpeg(number) for number in range(70)}
IDS = [image_id(data) for data in FILES.values()]


def upload(client: httpx.Client) -> None:
    response = client.post("/v1/images", files=[("file", file) for file in FILES.items()])
    finished_job(client, response.raise_for_status().headers["Location"])


def finished(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Begin a job that changes images, and return it once it has ended."""
    response = client.post(f"/v1/images/{path}", json=body).raise_for_status()
    return finished_job(client, response.headers["Location"])


def test_a_refresh_goes_through_all_images(tenant_client: httpx.Client) -> None:
    upload(tenant_client)
    finished(tenant_client, "refreshes", {})
    job = finished(tenant_client, "refreshes", {"ids": [*IDS, "0" * 64]})
    assert (job["kind"], job["state"], job["total"]) == ("refresh", "partial", len(IDS) + 1)
    assert (job["unchanged"], job["failed"]) == (len(IDS), 1)
    failed = tenant_client.get(f"{job['links']['items']}?state=failed").json()["items"]
    assert [(item["id"], item["code"]) for item in failed] == [("0" * 64, "not_found")]
