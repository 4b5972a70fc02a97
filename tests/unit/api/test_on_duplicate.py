"""``on_duplicate``: what an upload says it does to images that are already indexed."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.archives import zip_of
from tests.support.pictures import image_id, picture

RED = image_id(picture("red"))


def upload(client: FlaskClient, name: str, *tags: str, query: str = "") -> dict[str, Any]:
    parts = {"file": (io.BytesIO(picture("red")), name), "metadata": json.dumps({"tags": tags})}
    job: dict[str, Any] = client.post(f"/v1/images{query}", data=parts).get_json()
    return job


def image(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/images/{RED}").get_json()
    return found


def test_an_upload_merges_unless_it_says_otherwise(client: FlaskClient) -> None:
    upload(client, "red.png", "first")
    job = upload(client, "new/red.png", "second")
    assert (job["duplicates"], job["changed"]) == (1, 1)
    (item,) = client.get(job["links"]["items"]).get_json()["items"]
    assert (item["state"], item["changed"]) == ("duplicate", True)
    found = image(client)
    assert (found["tags"], found["filename"]) == (["first", "second"], "red.png")
    assert found["earlier_filenames"] == ["new/red.png"]
    assert upload(client, "new/red.png", "second")["changed"] == 0


@pytest.mark.parametrize(("on_duplicate", "tags"), [("keep", ["first"]), ("replace", ["second"])])
def test_an_upload_keeps_or_replaces(
    client: FlaskClient, on_duplicate: str, tags: list[str]
) -> None:
    upload(client, "red.png", "first")
    job = upload(client, "red.png", "second", query=f"?on_duplicate={on_duplicate}")
    assert (job["duplicates"], job["changed"]) == (1, int(on_duplicate == "replace"))
    assert image(client)["tags"] == tags


def test_a_picture_as_the_body_replaces_too(client: FlaskClient) -> None:
    upload(client, "red.png", "first")
    path = "/v1/images?on_duplicate=replace&filename=new.png"
    job = client.post(path, data=picture("red"), content_type="image/png").get_json()
    assert job["changed"] == 1
    assert (image(client)["tags"], image(client)["filename"]) == ([], "new.png")


@pytest.mark.parametrize(
    ("on_duplicate", "names"),
    [
        ("keep", ["red.png"]),
        ("merge", ["red.png", "in/zip.png"]),
        ("replace", ["in/zip.png", "red.png"]),
    ],
)
def test_archives_say_it_too(client: FlaskClient, on_duplicate: str, names: list[str]) -> None:
    upload(client, "red.png", "first")
    path = f"/v1/images?on_duplicate={on_duplicate}"
    body = zip_of([("in/zip.png", picture("red"))])
    job = client.post(path, data=body, content_type="application/zip").get_json()
    job = client.get(job["links"]["self"]).get_json()
    assert (job["duplicates"], job["changed"]) == (1, int(on_duplicate != "keep"))
    assert [image(client)["filename"], *image(client)["earlier_filenames"]] == names


def test_any_other_word_is_refused(client: FlaskClient) -> None:
    problem = upload(client, "red.png", query="?on_duplicate=overwrite")
    assert (problem["code"], problem["errors"][0]["field"]) == ("unprocessable", "on_duplicate")
    assert image(client)["code"] == "not_found"
