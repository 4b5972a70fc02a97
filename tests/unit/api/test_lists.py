"""Lists of images and jobs, and the deletion of images."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest
from flask.testing import FlaskClient

from common.claims.memory import MemoryClaims
from common.contract import Sort
from common.jobs.base import Job
from common.settings import load_settings
from tests.support.inline import Inline, start_inline
from tests.support.pictures import image_id, picture

UNKNOWN = "0" * 64


def upload(client: FlaskClient, colour: str, **metadata: object) -> str:
    """Upload a picture of one colour; return its id."""
    data = picture(colour)
    parts = {"file": (io.BytesIO(data), f"{colour}.png"), "metadata": json.dumps(metadata)}
    assert client.post("/v1/images", data=parts).status_code == 202
    return image_id(data)


@pytest.fixture
def idle() -> Iterator[FlaskClient]:
    """A client of an API without workers."""
    inline = start_inline(load_settings({}), workers=False)
    yield inline.app.test_client()
    inline.close()


def found(client: FlaskClient) -> list[str]:
    search = client.post("/v1/searches", json={"text": "x"}, headers={"Prefer": "wait=5"})
    return [hit["id"] for hit in search.get_json()["hits"]]


def test_a_deleted_image_is_nowhere(client: FlaskClient) -> None:
    red, blue = upload(client, "red"), upload(client, "blue")
    assert client.get(f"/v1/images/{red}/thumbnail").status_code == 200
    response = client.delete(f"/v1/images/{red}")
    assert (response.status_code, response.data) == (204, b"")
    assert found(client) == [blue]
    for route in ("", "/content", "/thumbnail"):
        assert client.get(f"/v1/images/{red}{route}").status_code == 404
    assert client.post("/v1/images/check", json={"ids": [red]}).get_json()["missing"] == [red]
    assert [image["id"] for image in client.get("/v1/images").get_json()["images"]] == [blue]
    assert client.delete(f"/v1/images/{red}").status_code == 404
    assert client.post("/v1/searches", json={"image_id": red}).status_code == 202


def test_an_unknown_image_is_not_deleted(client: FlaskClient) -> None:
    response = client.delete(f"/v1/images/{UNKNOWN}")
    assert response.status_code == 404
    assert response.get_json()["code"] == "not_found"


def test_what_was_deleted_may_be_uploaded_again(client: FlaskClient) -> None:
    red = upload(client, "red")
    client.delete(f"/v1/images/{red}")
    assert upload(client, "red") == red
    assert found(client) == [red]
    assert client.get(f"/v1/images/{red}/content").data == picture("red")


def test_a_job_keeps_saying_what_it_said(client: FlaskClient) -> None:
    red = upload(client, "red")
    (job,) = client.get("/v1/jobs").get_json()["jobs"]
    before = client.get(job["links"]["items"]).get_json()
    client.delete(f"/v1/images/{red}")
    assert client.get(job["links"]["items"]).get_json() == before
    assert client.get(job["links"]["self"]).get_json() == job


def test_an_image_in_hand_is_not_deleted(client: FlaskClient, inline: Inline) -> None:
    red = upload(client, "red")
    claims = inline.app.extensions["glimpse"].claims
    assert isinstance(claims, MemoryClaims)
    claims.take("a task", "default", [red])
    response = client.delete(f"/v1/images/{red}")
    assert response.status_code == 503
    assert response.get_json()["code"] == "worker_unavailable"
    assert response.headers["Retry-After"]
    assert found(client) == [red]


def test_without_a_worker_nothing_is_deleted_or_listed(idle: FlaskClient) -> None:
    for response in (idle.delete(f"/v1/images/{UNKNOWN}"), idle.get("/v1/images")):
        assert response.status_code == 503
        assert response.get_json()["code"] == "worker_unavailable"
        assert response.headers["Retry-After"]


def test_images_are_listed_page_by_page(client: FlaskClient) -> None:
    uploaded = [upload(client, f"#0000{number:02x}") for number in range(7)]
    ids: list[str] = []
    query = "?limit=3"
    while query:
        page = client.get(f"/v1/images{query}").get_json()
        assert len(page["images"]) <= 3
        ids += [image["id"] for image in page["images"]]
        query = f"?limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert sorted(ids) == sorted(uploaded)
    images = client.get("/v1/images").get_json()["images"]
    times = [image["indexed_at"] for image in images]
    assert times == sorted(times, reverse=True)
    assert client.get(images[0]["links"]["self"]).get_json() == images[0]


def test_images_of_a_tag_are_listed(client: FlaskClient) -> None:
    red = upload(client, "red", tags=["warm", 'a "b"'])
    upload(client, "blue", tags=["cold"])
    for tag in ("warm", 'a "b"'):
        answer = client.get("/v1/images", query_string={"tag": tag}).get_json()
        assert [image["id"] for image in answer["images"]] == [red]
    none = {"images": [], "next_cursor": None, "count": None}
    assert client.get("/v1/images?tag=none").get_json() == none


def test_images_that_match_a_filter_are_listed_page_by_page(client: FlaskClient) -> None:
    uploaded = [upload(client, f"#0000{number:02x}", number=number) for number in range(7)]
    wanted = json.dumps(
        {"or": [{"metadata.number": {"lt": 2}}, {"not": {"metadata.number": {"lt": 5}}}]}
    )
    ids: list[str] = []
    query = {"filter": wanted, "limit": "3"}
    while True:
        page = client.get("/v1/images", query_string=query).get_json()
        ids += [image["id"] for image in page["images"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(ids) == sorted([*uploaded[:2], *uploaded[5:]])


@pytest.mark.parametrize("sort", get_args(Sort))
def test_images_are_listed_in_order_page_by_page(client: FlaskClient, sort: Sort) -> None:
    names = ["ü/b.jpg", "a.jpg", "A.jpg", "犬" * 1024]
    for number, name in enumerate(names):
        data = picture(f"#0000{number:02x}", size=(9 * number + 9, 9))
        client.post("/v1/images", data={"file": (io.BytesIO(data), name)})
    field = sort.removeprefix("-")
    found: list[dict[str, Any]] = []
    query = {"sort": sort, "limit": "1"}
    while True:
        page = client.get("/v1/images", query_string=query).get_json()
        found += page["images"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(image["filename"] for image in found) == sorted(names)
    if field != "taken_at":
        values = [image[field] for image in found]
        assert values == sorted(values, reverse=sort.startswith("-"))


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        ("bytes", f"1-{UNKNOWN}"),
        ("-bytes", f"bytes.1-{UNKNOWN}"),
        ("bytes", f"bytes.~YQ-{UNKNOWN}"),
        ("filename", f"filename.1-{UNKNOWN}"),
        ("filename", f"filename.-{UNKNOWN}"),
        ("filename", f"filename.~a-{UNKNOWN}"),
        # A line break, and a byte that is not UTF-8.
        ("filename", f"filename.~YQpi-{UNKNOWN}"),
        ("filename", f"filename.~_w-{UNKNOWN}"),
        ("-indexed_at", f"{2**60}-{UNKNOWN}"),
    ],
)
def test_a_cursor_of_another_list_is_refused(client: FlaskClient, sort: str, cursor: str) -> None:
    response = client.get("/v1/images", query_string={"sort": sort, "cursor": cursor})
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json()["errors"]] == ["cursor"]


def test_a_list_counts_the_images_of_all_pages(client: FlaskClient) -> None:
    for number in range(5):
        upload(client, f"#0000{number:02x}", tags=["even"] * (number % 2 == 0), number=number)
    for query, count in (
        ("", 5),
        ("&tag=even", 3),
        ('&filter={"metadata.number": {"gt": 0}}', 4),
        ('&tag=even&filter={"metadata.number": {"gt": 0}}', 2),
        ("&tag=none", 0),
    ):
        page = client.get(f"/v1/images?limit=1&count=true{query}").get_json()
        assert page["count"] == count
    assert client.get("/v1/images?limit=1").get_json()["count"] is None


def test_tags_are_listed_with_their_counts(client: FlaskClient) -> None:
    upload(client, "red", tags=["warm", "Wide", "ünï 犬"])
    upload(client, "orange", tags=["warm"])
    upload(client, "blue", tags=["cold"])
    for query, tags in (
        ({}, {"warm": 2, "Wide": 1, "cold": 1, "ünï 犬": 1}),
        ({"q": "w"}, {"warm": 2, "Wide": 1}),
        ({"q": "WA"}, {"warm": 2}),
        ({"q": "Ü"}, {"ünï 犬": 1}),
        ({"q": "arm"}, {}),
        ({"limit": "2"}, {"warm": 2, "Wide": 1}),
    ):
        found = client.get("/v1/tags", query_string=query).get_json()
        assert [(each["tag"], each["count"]) for each in found["tags"]] == [*tags.items()]
        assert found["more_than"] is False
    for wrong in ("limit=0", "limit=1001", "other=1", f"q={'x' * 129}"):
        assert client.get(f"/v1/tags?{wrong}").status_code == 422


def test_a_tag_and_a_filter_hold_together(client: FlaskClient) -> None:
    red = upload(client, "red", tags=["warm"], album="x")
    upload(client, "orange", tags=["warm"], album="y")
    upload(client, "blue", tags=["cold"], album="x")
    query = {"tag": "warm", "filter": '{"metadata.album": "x"}'}
    listed = client.get("/v1/images", query_string=query).get_json()["images"]
    assert [image["id"] for image in listed] == [red]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ("", "filter"),
        ("null", "filter"),
        ("[]", "filter"),
        ("{", "filter"),
        ("[" * 5000, "filter"),
        ('{"colour": "red"}', "filter.colour"),
        ('{"or": [{"width": {"gte": "1"}}]}', "filter.or.0.width.gte"),
        ('{"not": ' * 8 + "{}" + "}" * 8, "filter"),
    ],
)
def test_a_filter_of_a_list_that_cannot_be_asked_is_refused(
    client: FlaskClient, wanted: str, field: str
) -> None:
    response = client.get("/v1/images", query_string={"filter": wanted})
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == field


def test_an_image_with_a_tag_that_is_refused_by_now_is_listed_and_deleted(
    client: FlaskClient, inline: Inline
) -> None:
    red = upload(client, "red")
    (row,) = inline.store.rows("default", [red]).values()
    odd = row.record.model_copy(update={"tags": ["a\nb"]})
    inline.store.upsert([replace(row, record=odd)])
    assert client.get("/v1/images").get_json()["images"][0]["tags"] == ["a\nb"]
    assert client.delete(f"/v1/images/{red}").status_code == 204


@pytest.mark.parametrize("path", ["/v1/images", "/v1/jobs"])
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "cursor=",
        "cursor=nonsense",
        "cursor=1-2",
        f"cursor=nan-{UNKNOWN}",
        f"cursor=-1-{UNKNOWN}",
        f"cursor={'9' * 400}-{UNKNOWN}",
        "other=1",
        "limit=1&limit=2",
    ],
)
def test_a_query_that_cannot_be_answered_is_422(client: FlaskClient, path: str, query: str) -> None:
    response = client.get(f"{path}?{query}")
    assert response.status_code == 422
    assert response.get_json()["errors"]


@pytest.mark.parametrize(
    "query",
    ["tag=", "tag=a%0Ab", f"tag={'x' * 129}", f"cursor=1.5-{UNKNOWN}", f"cursor=1-{'0' * 32}"],
)
def test_an_odd_query_of_images_is_422(client: FlaskClient, query: str) -> None:
    assert client.get(f"/v1/images?{query}").status_code == 422


def test_jobs_are_listed_newest_first(client: FlaskClient) -> None:
    for colour in ("red", "blue", "green"):
        upload(client, colour)
    page = client.get("/v1/jobs?limit=2").get_json()
    rest = client.get(f"/v1/jobs?limit=2&cursor={page['next_cursor']}").get_json()
    jobs = page["jobs"] + rest["jobs"]
    assert (len(page["jobs"]), len(rest["jobs"]), rest["next_cursor"]) == (2, 1, None)
    times = [job["created_at"] for job in jobs]
    assert times == sorted(times, reverse=True)
    assert client.get(jobs[0]["links"]["self"]).get_json() == jobs[0]


def test_jobs_are_listed_by_state(client: FlaskClient, inline: Inline) -> None:
    upload(client, "red")
    records = inline.app.extensions["glimpse"].jobs
    waiting = Job("1" * 32, "default", 1, created_at=1.0)
    others = Job("2" * 32, "other", 1, created_at=1.0)
    for job in (waiting, others):
        records.create(job, [(UNKNOWN, "a.png")])
        records.accept(job.id)
    queued = client.get("/v1/jobs?state=queued").get_json()["jobs"]
    assert [job["id"] for job in queued] == [waiting.id]
    assert len(client.get("/v1/jobs?state=succeeded").get_json()["jobs"]) == 1
    assert client.get("/v1/jobs?state=odd").status_code == 422
