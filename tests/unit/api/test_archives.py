"""Uploads of an archive: its members become the images of one job."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from common.errors import NotFound
from common.images.archive_formats import MEDIA_TYPES, ArchiveKind
from common.settings import load_settings
from tests.support.archives import archive_of, tar_of, zip_of
from tests.support.inline import Inline, start_inline
from tests.support.pictures import image_id, picture

TYPES = {kind: names[0] for kind, names in MEDIA_TYPES.items()}


def upload(client: FlaskClient, data: bytes, kind: ArchiveKind = "zip", name: str = "a.zip") -> Any:
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


@pytest.mark.parametrize(("filename", "name"), [("a.zip", "a.zip"), ("", None), ("%07", None)])
def test_a_job_has_the_name_of_its_archive(
    client: FlaskClient, filename: str, name: str | None
) -> None:
    job = upload(client, zip_of([("a.png", picture())]), name=filename).get_json()
    assert job["name"] == name


def test_the_job_of_an_archive_is_not_found_as_an_open_one() -> None:
    idle = start_inline(load_settings({}), workers=False)
    client = idle.app.test_client()
    upload(client, zip_of([("a.png", picture())]), name="a.zip")
    assert client.get("/v1/jobs?name=a.zip").get_json()["jobs"] == []
    idle.close()


def test_what_is_skipped_is_counted_in_the_job(client: FlaskClient) -> None:
    inner = zip_of([("b.png", picture("blue")), ("deeper.zip", zip_of([("c.png", picture())]))])
    files = [("a.png", picture()), ("1.txt", b"1"), ("2.txt", b"2"), ("x/in.zip", inner)]
    job = upload(client, zip_of([*files, ("@eaDir/a.png", picture("green"))])).get_json()
    assert items(client, job) == {
        "a.png": ("indexed", None),
        "x/in.zip/b.png": ("indexed", None),
    }
    assert job["skipped"] == {".txt": 2, "@eaDir/": 1, "x/in.zip/deeper.zip": 1}
    assert client.get("/v1/jobs").get_json()["jobs"][0]["skipped"] == job["skipped"]


@pytest.mark.parametrize(
    "stub", [b"MZ" + bytes(100_000), b"\x7fELF", b"#!/bin/sh\n", b"\xff\xd8\xff"]
)
def test_a_zip_may_follow_other_bytes(client: FlaskClient, stub: bytes) -> None:
    job = upload(client, stub + zip_of([("a.png", picture())]), name="setup.exe").get_json()
    assert items(client, job) == {"a.png": ("indexed", None)}


def test_archives_of_other_kinds_are_refused_by_name(client: FlaskClient) -> None:
    for media_type in ("application/vnd.rar", "application/x-7z-compressed", "application/zip"):
        data = b"Rar!\x1a\x07\x01\x00" + bytes(100)
        response = client.post("/v1/images", data=data, content_type=media_type)
        assert response.status_code == 422
        assert response.get_json()["detail"].startswith("RAR archives are not supported.")
    program = upload(client, b"MZ" + bytes(10_000)).get_json()
    assert program["detail"].startswith("The file is a program without a zip")
