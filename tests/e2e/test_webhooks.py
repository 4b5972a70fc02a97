"""Webhooks on a whole Glimpse: real workers end jobs, and the real API tells a real receiver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.archives import zip_of
from tests.support.pictures import picture
from tests.support.polling import wait_for
from tests.support.receiver import Receiver, status


@pytest.fixture(scope="module")
def secret(tenant_client: httpx.Client) -> str:
    response = tenant_client.post("/v1/webhooks/secret").raise_for_status()
    return str(response.json()["secret"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def delivered(tenant_client: httpx.Client, job_id: str) -> dict[str, Any]:
    """Wait until a job's delivery is settled; return it."""

    def settled() -> dict[str, Any] | None:
        response = tenant_client.get(f"/v1/webhooks/deliveries/{job_id}")
        found: dict[str, Any] = response.json()
        return found if response.status_code == 200 and found["state"] != "pending" else None

    return wait_for(settled, 60, "the delivery")


def test_a_finished_job_is_told_once(
    tenant_client: httpx.Client, secret: str, receiver: Receiver
) -> None:
    files = [("file", (f"{n}.png", picture(f"#0000{n:02x}"))) for n in range(40)]
    query = {"callback_url": receiver.url}
    job = tenant_client.post("/v1/images", files=files, params=query).raise_for_status().json()
    delivery = delivered(tenant_client, job["id"])
    assert (delivery["state"], [each["status"] for each in delivery["attempts"]]) == (
        "delivered",
        [204],
    )
    (received,) = receiver.received
    event = Webhook(secret).verify(received.body, received.headers)
    assert received.id == job["id"]
    # It is the job as the API shows it.
    assert event["data"] == tenant_client.get(job["links"]["self"]).json()
    assert (event["type"], event["data"]["state"]) == ("job.finished", "succeeded")


def test_every_kind_of_job_is_told(
    tenant_client: httpx.Client, secret: str, receiver: Receiver
) -> None:
    body = {"callback_url": receiver.url}
    image = {"content": picture("red"), "headers": {"Content-Type": "image/png"}}
    archive = {
        "content": zip_of([("a.png", picture("navy"))]),
        "headers": {"Content-Type": "application/zip"},
    }
    post = tenant_client.post
    opened = post("/v1/jobs", json=body).json()["id"]
    cancelled = post("/v1/jobs", json=body).json()["id"]
    ids = [
        opened,
        cancelled,
        post("/v1/images", params={**body, "filename": "a.zip"}, **archive).json()["id"],  # type: ignore[arg-type]
        post("/v1/images/edits", json={**body, "filter": {}}).json()["id"],
        post("/v1/images/refreshes", json=body).json()["id"],
    ]
    post("/v1/images", params={"job": opened}, **image).raise_for_status()  # type: ignore[arg-type]
    post(f"/v1/jobs/{opened}/complete").raise_for_status()
    tenant_client.delete(f"/v1/jobs/{cancelled}").raise_for_status()
    assert {delivered(tenant_client, job_id)["state"] for job_id in ids} == {"delivered"}
    assert sorted(receiver.ids) == sorted(ids)
    states = {each.id: each.event["data"]["state"] for each in receiver.received}
    assert states.pop(cancelled) == "cancelled"
    assert set(states.values()) == {"succeeded"}


def test_a_failed_delivery_is_replayed(
    tenant_client: httpx.Client, secret: str, receiver: Receiver
) -> None:
    receiver.answers = [status(410), status(200)]
    body = {"callback_url": receiver.url}
    job = tenant_client.post("/v1/images/refreshes", json=body).raise_for_status().json()
    assert delivered(tenant_client, job["id"])["state"] == "failed"
    path = f"/v1/webhooks/deliveries/{job['id']}/replay"
    assert tenant_client.post(path).raise_for_status().json()["state"] == "pending"
    delivery = delivered(tenant_client, job["id"])
    assert [each["status"] for each in delivery["attempts"]] == [410, 200]
    assert receiver.ids == [job["id"]] * 2
