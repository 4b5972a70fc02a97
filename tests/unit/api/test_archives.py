"""Uploads of an archive: its members become the images of one job."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from common.errors import NotFound
from common.settings import load_settings
from tests.support.archives import archive_of, tar_of, zip_of
from tests.support.inline import Inline, start_inline
from tests.support.pictures import image_id, picture

TYPES = {"zip": "application/zip", "tar": "application/x-tar", "gzip": "application/gzip"}


def upload(client: FlaskClient, data: bytes, kind: str = "zip", name: str = "a.zip") -> Any:
    return client.post(f"/v1/images?filename={name}", data=data, content_type=TYPES[kind])


def items(client: FlaskClient, job: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    found = client.get(job["links"]["items"]).get_json()["items"]
    return {item["filename"]: (item["state"], item["code"]) for item in found}


@pytest.mark.parametrize("kind", TYPES)
def test_the_members_of_an_archive_are_indexed(
    client: FlaskClient, inline: Inline, kind: Any
) -> None:
    files = [(f"dogs/{n}.png", picture(f"rgb({n + 1},0,0)")) for n in range(8)]
    response = upload(client, archive_of(files, kind), kind)
    assert response.status_code == 202
    job = client.get(response.headers["Location"]).get_json()
    assert (job["state"], job["total"], job["indexed"]) == ("succeeded", 8, 8)
    assert items(client, job) == {name: ("indexed", None) for name, _ in files}
    assert inline.store.count() == 8
    image = client.get(f"/v1/images/{image_id(files[3][1])}").get_json()
    assert image["filename"] == "dogs/3.png"


def test_the_archive_itself_is_not_kept(client: FlaskClient, inline: Inline) -> None:
    job = upload(client, zip_of([("a.png", picture())])).get_json()
    with pytest.raises(NotFound):
        inline.archives.read("default", job["id"])


def test_bad_members_fail_alone(client: FlaskClient) -> None:
    job = upload(
        client,
        zip_of(
            [
                ("good.png", picture()),
                ("text.jpg", b"this is a text"),
                ("empty.png", b""),
                ("broken.png", picture(size=(400, 300))[:100]),
                ("large.bmp", picture(size=(300, 300), media_format="BMP")),
                ("notes.txt", b"passed over"),
            ]
        ),
    ).get_json()
    assert items(client, job) == {
        "good.png": ("indexed", None),
        "text.jpg": ("failed", "not_an_image"),
        "empty.png": ("failed", "empty"),
        "broken.png": ("failed", "truncated"),
        "large.bmp": ("failed", "too_large"),
    }
    assert (job["state"], job["failed"]) == ("partial", 4)


def test_the_same_bytes_twice_in_an_archive_are_one_image(client: FlaskClient) -> None:
    data = tar_of([("a.png", picture()), ("b.png", picture()), ("c.png", picture("blue"))])
    assert upload(client, data, "tar").get_json()["total"] == 2


def test_an_archive_that_breaks_off_keeps_what_came_before(client: FlaskClient) -> None:
    whole = tar_of([(f"{n}.png", picture(f"rgb({n + 1},0,0)")) for n in range(5)])
    job = upload(client, whole[:3000], "tar", "shard.tar").get_json()
    assert job["state"] == "partial"
    assert items(client, job)["shard.tar"] == ("failed", "truncated")
    assert items(client, job)["0.png"] == ("indexed", None)


def test_an_archive_without_a_picture_says_so(client: FlaskClient) -> None:
    job = upload(client, zip_of([("notes.txt", b"text")]), name="notes.zip").get_json()
    assert items(client, job) == {"notes.zip": ("failed", "empty")}
    assert job["state"] == "failed"


@pytest.mark.parametrize("name", ["../../etc/passwd.png", "/etc/passwd.png", "C:\\x\\passwd.png"])
def test_no_path_leaves_its_folder(client: FlaskClient, name: str) -> None:
    job = upload(client, zip_of([(name, picture())])).get_json()
    (found,) = items(client, job)
    assert found in ("etc/passwd.png", "x/passwd.png")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"this is no archive, but long enough to tell", 422, "unsupported_format"),
        (b"Rar!\x1a\x07\x00 and so on", 422, "unsupported_format"),
        (b"", 422, "empty"),
    ],
)
def test_what_is_no_archive_is_refused_at_once(
    client: FlaskClient, data: bytes, status: int, code: str
) -> None:
    response = upload(client, data)
    assert response.status_code == status
    assert response.get_json()["code"] == code


def test_an_archive_larger_than_a_request_may_be_is_refused(client: FlaskClient) -> None:
    response = upload(client, zip_of([("a.bmp", bytes(2_000_000))], method=0))
    assert (response.status_code, response.get_json()["code"]) == (413, "too_large")


def test_a_job_of_an_archive_grows_and_says_so() -> None:
    idle = start_inline(load_settings({}), workers=False)
    response = upload(idle.app.test_client(), zip_of([("a.png", picture())]))
    job = response.get_json()
    assert (job["state"], job["total"], job["progress"], job["eta_s"]) == ("queued", 0, 0, None)
    gone = idle.app.test_client().delete(response.headers["Location"])
    assert gone.get_json()["state"] == "cancelled"
    idle.close()
