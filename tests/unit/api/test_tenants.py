"""Tenant isolation: the service answers each tenant as if no other existed.

Every route is called with another tenant's key in two services: one that holds the
owner's images, jobs, searches and dead letters, and one that is empty. The answers
must be identical byte for byte, except for new ids and times.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.openapi.routes import OPERATIONS
from common.blobs.memory import MemoryBlobs
from common.dead_letters.base import DeadLetter
from common.keys.token import issue
from common.settings import load_settings
from tests.support.inline import Inline, start_inline
from tests.support.pictures import image_id, picture
from tests.support.routes import Route, Target, all_routes

DATA = picture("red")
ID = image_id(DATA)
OWNER, FOREIGN = "acme", "globex"
# Metrics of the whole service are for its operator; all other routes belong to a tenant.
TENANTS = [route for route in all_routes() if OPERATIONS[route.endpoint].scope in ("read", "write")]

# Parts that are new in each answer: generated ids, and times.
_NEW = re.compile(
    r"\b[0-9a-f]{32}\b|\d+\.\d+|\d{4}-\d\d-\d\dT[0-9:.]+Z|[0-9a-f-]{36}|whsec_[\w+/=]+"
)


class World:
    """A Glimpse with keys for two tenants."""

    def __init__(self) -> None:
        self.inline = start_inline(load_settings({"GLIMPSE_KEY_CACHE_S": "0"}))
        self.client: FlaskClient = self.inline.app.test_client()
        self.keys = {tenant: _key(self.inline, tenant) for tenant in (OWNER, FOREIGN)}

    def post(self, tenant: str, path: str, **body: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.keys[tenant]}", "Prefer": "wait=5"}
        return self.client.post(path, headers=headers, **body)

    def get(self, tenant: str, path: str) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.keys[tenant]}"}
        return self.client.get(path, headers=headers)

    def upload(self, tenant: str) -> str:
        """Upload the picture; return its job's location."""
        form = {"file": (io.BytesIO(DATA), "mine.png"), "metadata": '{"tags": ["seen"]}'}
        response = self.post(tenant, "/v1/images", data=form)
        assert response.status_code == 202
        return response.headers["Location"]

    def fill(self) -> Target:
        """Create one of everything for the owner; the job was open, and is complete."""
        assert self.post(OWNER, "/v1/webhooks/secret").status_code == 201
        opened = {"name": "mine", "tags": ["seen"], "callback_url": "https://example.com/hook"}
        job = self.post(OWNER, "/v1/jobs", json=opened).headers["Location"]
        job_id = job.rsplit("/", 1)[1]
        form = {"file": (io.BytesIO(DATA), "mine.png")}
        assert self.post(OWNER, f"/v1/images?job={job_id}", data=form).status_code == 202
        assert self.post(OWNER, f"{job}/complete").status_code == 200
        search = self.post(OWNER, "/v1/searches", json={"text": "a red thing"})
        assert [hit["id"] for hit in search.get_json()["hits"]] == [ID]
        self.inline.app.extensions["glimpse"].dead_letters.put([_letter(job)])
        assert self.get(OWNER, f"/v1/images/{ID}/thumbnail").status_code == 200
        return Target(ID, job_id, search.get_json()["id"], DATA)

    def everything(self, target: Target) -> list[int]:
        """Return the status of each of the owner's resources, and the number of dead letters."""
        places = (
            f"/v1/images/{ID}",
            f"/v1/images/{ID}/content",
            f"/v1/images/{ID}/thumbnail",
            f"/v1/jobs/{target.job_id}",
            f"/v1/searches/{target.search_id}",
        )
        listed = self.get(OWNER, "/v1/dead-letters").get_json()["dead_letters"]
        return [*(self.get(OWNER, place).status_code for place in places), len(listed)]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.inline.close()


@pytest.fixture
def empty() -> Iterator[World]:
    world = World()
    yield world
    world.inline.close()


def _key(inline: Inline, tenant: str) -> str:
    token, key = issue(tenant, "test", ["read", "write"], time.time())
    inline.keys.add(key)
    return token.text


def _letter(job: str) -> DeadLetter:
    return DeadLetter(
        id=ID,
        tenant=OWNER,
        filename="mine.png",
        job_id=job.rsplit("/", 1)[1],
        code="encoder_error",
        detail="The model failed on it.",
        attempts=2,
        at=1_700_000_000.5,
        tags=[],
        metadata={},
    )


def _comparable(response: TestResponse, target: Target) -> tuple[int, dict[str, str], str]:
    """Return an answer's status, headers and body, with new ids and times masked."""
    ids = [target.job_id, target.search_id]
    headers = {name: _masked(value, ids) for name, value in response.headers.items()}
    # Times vary in length.
    headers.pop("Content-Length", None)
    return response.status_code, headers, _masked(response.get_data().decode("latin-1"), ids)


def _masked(text: str, asked: list[str]) -> str:
    # An id that the caller sent is not new.
    return _NEW.sub(lambda found: found[0] if found[0] in asked else "NEW", text)


@pytest.mark.parametrize("route", TENANTS, ids=str)
def test_a_route_answers_as_if_the_other_tenant_did_not_exist(
    route: Route, world: World, empty: World
) -> None:
    target = world.fill()
    answer = route.call(world.client, target, world.keys[FOREIGN])
    expected = route.call(empty.client, target, empty.keys[FOREIGN])
    assert _comparable(answer, target) == _comparable(expected, target)
    if route.is_about_one:
        assert answer.status_code == 404
    # The request changed none of the owner's data.
    assert world.everything(target) == [200] * 5 + [1]
    # The owner must see a different answer; otherwise the comparison proves nothing.
    owned = route.call(world.client, target, world.keys[OWNER])
    assert owned.status_code < 400
    # To open a job, the service reads nothing of the tenant's.
    if route.method != "HEAD" and route.endpoint != "jobs.create":
        assert _comparable(owned, target) != _comparable(expected, target)


def test_the_same_bytes_are_an_image_of_each_tenant(world: World) -> None:
    items = []
    for tenant in (OWNER, FOREIGN, OWNER):
        location = world.upload(tenant)
        (item,) = world.get(tenant, f"{location}/items").get_json()["items"]
        items.append(item["state"])
    assert items == ["indexed", "indexed", "duplicate"]
    assert world.inline.store.count() == 2


def test_a_delete_leaves_the_other_tenants_image(world: World) -> None:
    for tenant in (OWNER, FOREIGN):
        world.upload(tenant)
    headers = {"Authorization": f"Bearer {world.keys[FOREIGN]}"}
    assert world.client.delete(f"/v1/images/{ID}", headers=headers).status_code == 204
    assert world.get(FOREIGN, f"/v1/images/{ID}").status_code == 404
    assert world.get(OWNER, f"/v1/images/{ID}").status_code == 200
    assert world.get(OWNER, f"/v1/images/{ID}/content").data == DATA


def test_a_picture_of_a_query_finds_only_its_tenants_images(world: World) -> None:
    world.upload(OWNER)
    for tenant, count in ((OWNER, 1), (FOREIGN, 0)):
        form = {"file": (io.BytesIO(DATA), "query.png")}
        search = world.post(tenant, "/v1/searches", data=form).get_json()
        assert (search["state"], len(search["hits"])) == ("succeeded", count)


def test_duplicates_are_those_of_the_tenant(world: World) -> None:
    for tenant in (OWNER, FOREIGN):
        world.upload(tenant)
    asked = {"text": "a red thing", "group_duplicates": 0.5}
    (hit,) = world.post(FOREIGN, "/v1/searches", json=asked).get_json()["hits"]
    assert hit["duplicates"] == []


def test_the_blobs_of_two_tenants_are_two(world: World) -> None:
    for tenant in (OWNER, FOREIGN):
        world.upload(tenant)
    blobs: MemoryBlobs = world.inline.blobs
    assert {(blob.tenant, blob.id) for blob in blobs.stored()} == {(OWNER, ID), (FOREIGN, ID)}
