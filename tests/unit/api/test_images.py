"""``/v1/images``: accepted and refused uploads, and an image's record."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.images.metadata_limits import FILENAMES_MAX
from common.images.photo_info import Location, PhotoInfo
from tests.support.inline import Inline
from tests.support.pictures import image_id, picture


def upload(client: FlaskClient, *files: tuple[str, bytes], **fields: str) -> TestResponse:
    parts = [(io.BytesIO(data), name) for name, data in files]
    return client.post("/v1/images", data={"file": parts, **fields})


def items(client: FlaskClient, response: TestResponse) -> list[dict[str, Any]]:
    location = response.headers["Location"]
    found: list[dict[str, Any]] = client.get(f"{location}/items").get_json()["items"]
    return found


def test_an_upload_is_accepted_as_a_job(client: FlaskClient) -> None:
    response = upload(client, ("a/red.png", picture("red")), ("blue.png", picture("blue")))
    assert response.status_code == 202
    job = response.get_json()
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert response.headers["Retry-After"] == "1"
    assert (job["total"], job["indexed"], job["state"]) == (2, 2, "succeeded")
    assert [item["filename"] for item in items(client, response)] == ["a/red.png", "blue.png"]


def test_one_picture_may_be_the_body(client: FlaskClient) -> None:
    data = picture()
    response = client.post("/v1/images?filename=red.png", data=data, content_type="image/png")
    assert response.status_code == 202
    assert items(client, response) == [
        {
            "id": image_id(data),
            "filename": "red.png",
            "state": "indexed",
            "code": None,
            "detail": None,
            "changed": False,
        }
    ]


def test_a_picture_without_a_name_is_named_after_its_id(client: FlaskClient) -> None:
    response = client.post("/v1/images", data=picture(), content_type="image/png")
    assert items(client, response)[0]["filename"] == image_id(picture())[:12]


def test_the_same_bytes_in_one_request_are_one_image(client: FlaskClient) -> None:
    response = upload(client, ("one.png", picture()), ("two.png", picture()))
    assert response.get_json()["total"] == 1
    assert items(client, response)[0]["filename"] == "one.png"


def test_the_same_bytes_again_are_a_duplicate(client: FlaskClient, inline: Inline) -> None:
    upload(client, ("one.png", picture()))
    job = upload(client, ("two.png", picture())).get_json()
    assert (job["duplicates"], job["indexed"], job["state"]) == (1, 0, "succeeded")
    assert inline.store.count() == 1


def test_the_pictures_of_a_form_keep_their_order(client: FlaskClient) -> None:
    # Not as many for each thread that stores them.
    files = [(f"{n}.png", picture(f"#0000{n:02x}")) for n in range(19)]
    job = upload(client, *files).get_json()
    items = client.get(job["links"]["items"]).get_json()["items"]
    assert [(item["filename"], item["id"]) for item in items] == [
        (name, image_id(data)) for name, data in files
    ]


def test_a_job_larger_than_a_chunk_is_whole(client: FlaskClient, inline: Inline) -> None:
    files = [(f"{n}.png", picture(f"#0000{n:02x}")) for n in range(8)]
    assert upload(client, *files).get_json()["indexed"] == 8
    assert inline.store.count() == 8


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("note.jpg", b"this is a text", "not_an_image"),
        ("empty.png", b"", "empty"),
        ("paper.pdf", b"%PDF-1.7", "unsupported_format"),
        ("large.bmp", picture(size=(300, 300), media_format="BMP"), "too_large"),
        ("broken.png", picture(size=(400, 300))[:100], "truncated"),
    ],
)
def test_a_bad_picture_fails_alone(
    client: FlaskClient, inline: Inline, name: str, data: bytes, code: str
) -> None:
    response = upload(client, (name, data), ("good.png", picture()))
    assert response.get_json()["state"] == "partial"
    bad, good = items(client, response)
    assert (bad["state"], bad["code"]) == ("failed", code)
    assert bad["detail"].endswith((".", ". Send a smaller copy."))
    assert good["state"] == "indexed"
    assert inline.store.count() == 1


def test_only_bad_pictures_make_a_failed_job(client: FlaskClient) -> None:
    assert upload(client, ("a.txt", b"text")).get_json()["state"] == "failed"


def test_metadata_is_kept_for_every_picture(client: FlaskClient) -> None:
    metadata = json.dumps({"tags": ["dog", "white"], "album": "Summer", "year": 2026, "own": True})
    upload(client, ("a.png", picture()), metadata=metadata)
    image = client.get(f"/v1/images/{image_id(picture())}").get_json()
    assert image["tags"] == ["dog", "white"]
    assert image["metadata"] == {"album": "Summer", "year": 2026, "own": True}


def test_an_image_is_described(client: FlaskClient) -> None:
    data = picture(size=(40, 30))
    upload(client, ("pictures/a.png", data))
    image = client.get(f"/v1/images/{image_id(data)}").get_json()
    assert image.pop("indexed_at").endswith("Z")
    links = image.pop("links")
    assert image == {
        "id": image_id(data),
        "filename": "pictures/a.png",
        "bytes": len(data),
        "width": 40,
        "height": 30,
        "format": "PNG",
        "tags": [],
        "metadata": {},
        "photo": None,
        "earlier_filenames": [],
    }
    assert client.get(links["content"]).data == data


def test_an_image_shows_what_its_file_says(client: FlaskClient, inline: Inline) -> None:
    place = Location(latitude=48.137, longitude=11.575, town="Munich")
    photo = PhotoInfo(taken_at="2024-05-01T12:00:00", location=place, keywords=["kite"])
    upload(client, ("a.png", picture()))
    taken = inline.store.rows("default", [image_id(picture())])[image_id(picture())]
    record = taken.record.model_copy(update={"photo": photo})
    inline.store.upsert([replace(taken, record=record)])
    shown = client.get(f"/v1/images/{image_id(picture())}").get_json()["photo"]
    assert shown == {
        "taken_at": "2024-05-01T12:00:00",
        "camera": None,
        "lens": None,
        "orientation": None,
        "location": {
            "latitude": 48.137,
            "longitude": 11.575,
            "altitude": None,
            "country": None,
            "town": "Munich",
        },
        "description": None,
        "keywords": ["kite"],
    }
    assert client.get("/v1/images").get_json()["images"][0]["photo"] == shown


def test_the_content_is_what_was_uploaded_and_never_changes(client: FlaskClient) -> None:
    data = picture(media_format="GIF")
    upload(client, ("a.gif", data))
    response = client.get(f"/v1/images/{image_id(data)}/content")
    assert response.data == data
    assert response.mimetype == "image/gif"
    assert response.headers["ETag"] == f'"{image_id(data)}"'
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    again = client.get(response.request.path, headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(("size", "shown"), [(150, (150, 75)), (600, (600, 300)), (16, (16, 8))])
def test_a_thumbnail_fits_in_its_square(
    client: FlaskClient, size: int, shown: tuple[int, int]
) -> None:
    from PIL import Image

    data = picture(size=(800, 400), media_format="JPEG")
    upload(client, ("wide.jpg", data))
    response = client.get(f"/v1/images/{image_id(data)}/thumbnail?size={size}")
    assert response.mimetype == "image/jpeg"
    assert Image.open(io.BytesIO(response.data)).size == shown


def test_a_thumbnail_never_grows_a_picture(client: FlaskClient) -> None:
    from PIL import Image

    upload(client, ("small.png", picture(size=(40, 30))))
    response = client.get(f"/v1/images/{image_id(picture(size=(40, 30)))}/thumbnail")
    assert Image.open(io.BytesIO(response.data)).size == (40, 30)


@pytest.mark.parametrize("route", ["", "/content", "/thumbnail"])
def test_an_unknown_image_is_404(client: FlaskClient, route: str) -> None:
    response = client.get(f"/v1/images/{'0' * 64}{route}")
    assert response.status_code == 404
    assert response.get_json()["code"] == "not_found"


def test_known_and_missing_images_are_told_apart(client: FlaskClient) -> None:
    upload(client, ("a.png", picture()))
    ids = [image_id(picture()), "0" * 64, "0" * 64]
    response = client.post("/v1/images/check", json={"ids": ids})
    assert response.get_json() == {"known": [ids[0]], "missing": ["0" * 64], "renamed": []}
    assert client.post("/v1/images/check", json={"ids": []}).get_json() == {
        "known": [],
        "missing": [],
        "renamed": [],
    }


@pytest.mark.parametrize(
    ("filename", "is_renamed"),
    [
        *(("album/a.png", False), ("a.png", False), ("elsewhere/a.png", False)),
        *(("album/b.png", True), ("a.png/b.png", True), ("\u202eb.png", True), ("", False)),
    ],
)
def test_renamed_files_are_told(client: FlaskClient, filename: str, is_renamed: bool) -> None:
    upload(client, ("album/a.png", picture()))
    body = {"ids": ["0" * 64, image_id(picture())], "filenames": ["a.png", filename]}
    found = client.post("/v1/images/check", json=body).get_json()
    assert found["renamed"] == ([image_id(picture())] if is_renamed else [])
    assert (found["known"], found["missing"]) == ([image_id(picture())], ["0" * 64])
    upload(client, (filename or "a.png", picture()))
    assert client.post("/v1/images/check", json=body).get_json()["renamed"] == []


def test_a_file_is_not_renamed_if_there_is_no_room_for_its_name(client: FlaskClient) -> None:
    for number in range(FILENAMES_MAX + 1):
        upload(client, (f"{number}.png", picture()))
    body = {"ids": [image_id(picture())], "filenames": ["another.png"]}
    assert client.post("/v1/images/check", json=body).get_json()["renamed"] == []


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"ids": "a"}, {"ids": ["xyz"]}, {"ids": [], "more": 1}, []),
        *({"ids": ["0" * 64], "filenames": []}, {"ids": ["0" * 64], "filenames": [None]}),
    ],
)
def test_a_malformed_check_is_422(client: FlaskClient, body: object) -> None:
    response = client.post("/v1/images/check", json=body)
    assert response.status_code == 422
    assert response.get_json()["errors"]


def test_a_body_of_another_type_is_415(client: FlaskClient) -> None:
    response = client.post("/v1/images", data=b"{}", content_type="application/json")
    assert response.status_code == 415
    assert response.get_json()["code"] == "unsupported_media_type"


def test_a_form_without_a_picture_is_400(client: FlaskClient) -> None:
    response = client.post(
        "/v1/images", data={"metadata": "{}"}, content_type="multipart/form-data"
    )
    assert response.status_code == 400
    assert "at least one part named file" in response.get_json()["detail"]


@pytest.mark.parametrize("text", ["{", "["])
def test_metadata_that_is_no_json_says_where(client: FlaskClient, text: str) -> None:
    data = {"file": (io.BytesIO(picture()), "a.png"), "metadata": text}
    (error,) = client.post("/v1/images", data=data).get_json()["errors"]
    assert error["field"] == "metadata"
    assert error["detail"].startswith("The part metadata is not valid JSON: expecting ")
    assert error["detail"].endswith("at line 1, column 2.")


def test_metadata_that_came_as_a_file_says_how_to_send_it(client: FlaskClient) -> None:
    about = (io.BytesIO(b"{}"), "about.json", "application/octet-stream")
    data = {"file": (io.BytesIO(picture()), "a.png"), "metadata": about}
    detail = client.post("/v1/images", data=data).get_json()["detail"]
    assert detail.startswith("Unknown parts: metadata. ")
    assert detail.endswith("The part metadata is a plain field, or declared as application/json.")


def test_a_part_of_another_name_is_400_and_leaves_nothing(
    client: FlaskClient, inline: Inline
) -> None:
    response = client.post("/v1/images", data={"picture": (io.BytesIO(picture()), "a.png")})
    assert response.status_code == 400
    assert "picture" in response.get_json()["detail"]
    assert inline.store.count() == 0


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ("{", 400),
        ("[" * 50_000, 400),
        ("[]", 422),
        ('{"tags": "dog"}', 422),
        ('{"tags": [""]}', 422),
        ('{"tags": ["a\\nb"]}', 422),
        ('{"album": {"deep": 1}}', 422),
        ('{"album": null}', 422),
        ('{"album": NaN}', 422),
        ('{"album": Infinity}', 422),
        ('{"album": 1e400}', 422),
        ('{"album": "\\ud800"}', 422),
        ('{"tags": ["\\udfff"]}', 422),
        (json.dumps({"album": "x" * 1025}), 422),
        (json.dumps({f"key{n}": "x" * 1024 for n in range(64)}), 422),
        (json.dumps({f"key{n}": 1 for n in range(65)}), 422),
        (json.dumps({"k" * 65: 1}), 422),
    ],
)
def test_bad_metadata_is_refused_and_nothing_is_kept(
    client: FlaskClient, inline: Inline, metadata: str, status: int
) -> None:
    response = upload(client, ("a.png", picture()), metadata=metadata)
    assert response.status_code == status
    assert inline.store.count() == 0


@pytest.mark.parametrize("value", [None, [1], {"deep": 1}, "x" * 1025])
def test_a_bad_value_of_metadata_is_named_once(client: FlaskClient, value: object) -> None:
    response = upload(client, ("a.png", picture()), metadata=json.dumps({"album": value}))
    (error,) = response.get_json()["errors"]
    assert error["field"] == "album"
    assert error["detail"].startswith("give a string")


@pytest.mark.parametrize("names", [b'; filename="a.png"', b""])
def test_a_part_without_a_name_is_400(client: FlaskClient, names: bytes) -> None:
    head = b"--b\r\nContent-Disposition: form-data" + names
    body = head + b"\r\n\r\n" + picture() + b"\r\n--b--\r\n"
    response = client.post("/v1/images", data=body, content_type="multipart/form-data; boundary=b")
    assert response.status_code == 400


def test_two_metadata_parts_are_400(client: FlaskClient) -> None:
    data = {"file": (io.BytesIO(picture()), "a.png"), "metadata": ["{}", "{}"]}
    assert client.post("/v1/images", data=data).status_code == 400


def test_a_body_that_is_no_form_is_400(client: FlaskClient) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        response = client.post("/v1/images", data=b"not a form", content_type=content_type)
        assert response.status_code == 400, content_type


def test_a_request_that_is_too_large_is_413(client: FlaskClient) -> None:
    response = client.post("/v1/images", data=bytes(1_000_001), content_type="image/png")
    assert response.status_code == 413
    assert response.get_json()["code"] == "too_large"


def test_too_many_parts_are_413(client: FlaskClient) -> None:
    response = upload(client, *[(f"{n}.png", b"x") for n in range(40)])
    assert response.status_code == 413


def test_file_names_lose_what_would_break_a_line(client: FlaskClient) -> None:
    response = client.post(
        "/v1/images?filename=a%0d%0ab%E2%80%AEgnp.exe", data=picture(), content_type="image/png"
    )
    assert items(client, response)[0]["filename"] == "abgnp.exe"
