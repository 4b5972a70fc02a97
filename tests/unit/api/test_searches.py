"""``/v1/searches``: start a search, wait for it, and read its hits."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from common.settings import load_settings
from tests.support.inline import Inline, start_inline
from tests.support.pictures import image_id, picture

WAIT = {"Prefer": "wait=5"}

pytestmark = pytest.mark.usefixtures("indexed_colours")


def ask(client: FlaskClient, **body: Any) -> TestResponse:
    return client.post("/v1/searches", json=body, headers=WAIT)


def test_a_search_is_accepted_and_found_later(client: FlaskClient) -> None:
    response = client.post("/v1/searches", json={"text": "red"})
    assert response.status_code == 202
    assert "Preference-Applied" not in response.headers
    found = client.get(response.headers["Location"]).get_json()
    assert found["state"] == "succeeded"
    assert found["hits"][0]["filename"] == "red.png"


def test_a_caller_may_wait_for_the_hits(client: FlaskClient) -> None:
    response = ask(client, text="something blue")
    assert response.status_code == 200
    assert response.headers["Preference-Applied"] == "wait"
    search = response.get_json()
    assert search["encoder"] == "hashing"
    assert search["took_ms"] > 0
    hits = search["hits"]
    assert hits[0]["filename"] == "blue.png"
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5, 6]
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert client.get(hits[0]["links"]["content"]).data == picture("blue")


def test_an_image_finds_itself_first(client: FlaskClient) -> None:
    hits = ask(client, image_id=image_id(picture("green"))).get_json()["hits"]
    assert hits[0]["id"] == image_id(picture("green"))
    assert hits[0]["score"] == pytest.approx(1, abs=1e-5)


def test_terms_add_up_and_a_negative_one_pushes_away(client: FlaskClient) -> None:
    both = [{"text": "red"}, {"image_id": image_id(picture("blue")), "weight": 0.9}]
    first, second = ask(client, query=both, top_k=2).get_json()["hits"]
    assert {first["filename"], second["filename"]} == {"red.png", "blue.png"}
    away = [{"text": "blue", "weight": -1}]
    assert ask(client, query=away).get_json()["hits"][-1]["filename"] == "blue.png"


def test_paging_goes_on_where_the_last_page_ended(client: FlaskClient) -> None:
    whole = ask(client, text="white").get_json()["hits"]
    page = ask(client, text="white", top_k=2, offset=2).get_json()["hits"]
    assert page == whole[2:4]


def test_hits_below_the_minimum_are_left_out(client: FlaskClient) -> None:
    scores = [hit["score"] for hit in ask(client, text="red").get_json()["hits"]]
    kept = ask(client, text="red", min_score=scores[1]).get_json()["hits"]
    assert [hit["score"] for hit in kept] == scores[:2]


def test_terms_that_cancel_out_are_a_failed_search(client: FlaskClient) -> None:
    terms = [{"text": "red"}, {"text": "red", "weight": -1}]
    search = ask(client, query=terms).get_json()
    assert search["state"] == "failed"
    assert search["error"]["code"] == "unprocessable"
    assert search["hits"] == []


def test_an_unknown_image_is_a_failed_search(client: FlaskClient) -> None:
    search = ask(client, image_id="0" * 64).get_json()
    assert (search["state"], search["error"]["code"]) == ("failed", "not_found")
    sheet = client.get(search["links"]["contact_sheet"])
    assert sheet.status_code == 422
    assert "no indexed image" in sheet.get_json()["detail"]


def test_names_of_preferences_ignore_case(client: FlaskClient) -> None:
    response = client.post("/v1/searches", json={"text": "red"}, headers={"Prefer": "Wait=5"})
    assert response.headers["Preference-Applied"] == "wait"


@pytest.mark.parametrize("opened", ["[", '{"text":'])
def test_json_nested_too_deeply_is_malformed(client: FlaskClient, opened: str) -> None:
    body = opened * 100_000
    response = client.post("/v1/searches", data=body, content_type="application/json")
    assert response.status_code == 400


def test_json_of_many_megabytes_is_not_read(inline: Inline) -> None:
    inline.app.config["MAX_CONTENT_LENGTH"] = 2**31
    body = b'{"text": "' + b"x" * 2**22 + b'"}'
    client = inline.app.test_client()
    response = client.post("/v1/searches", data=body, content_type="application/json")
    assert (response.status_code, response.get_json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("body", ["null", "[]", '"dog"'])
def test_a_body_that_is_no_object_is_422(client: FlaskClient, body: str) -> None:
    response = client.post("/v1/searches", data=body, content_type="application/json")
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["detail"] == "Input should be a JSON object"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"text": "a", "image_id": "0" * 64}, ""),
        ({"text": ""}, "text"),
        ({"text": 5}, "text"),
        ({"text": "a", "top_k": 0}, "top_k"),
        ({"text": "a", "top_k": 1001}, "top_k"),
        ({"text": "a", "top_k": "10"}, "top_k"),
        ({"text": "a", "offset": -1}, "offset"),
        ({"text": "a", "min_score": 2}, "min_score"),
        ({"text": "a", "topk": 3}, "topk"),
        ({"image_id": "abc"}, "image_id"),
        ({"query": []}, "query"),
        ({"query": [{"weight": 1}]}, "query.0"),
        ({"query": [{"text": "a", "weight": "x"}]}, "query.0.weight"),
    ],
)
def test_a_bad_search_is_422_and_names_its_field(
    client: FlaskClient, body: dict[str, Any], field: str
) -> None:
    response = ask(client, **body)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"text": "a", "topk": 3}, "topk: unknown field."),
        ({"text": "a", "query": [{"text": "b"}]}, "Give exactly one of text, image_id and query."),
        ({"text": "a", "filter": {"width": {"like": 3}}}, "filter.width.like: unknown field."),
        ({"image_id": "4E52"}, "image_id: give 64 lower-case hexadecimal digits."),
        (
            {"text": "a", "filter": {"id": {"prefix": "x"}}},
            "filter.id.prefix: give 1 to 64 lower-case hexadecimal digits.",
        ),
    ],
)
def test_a_bad_search_says_what_is_wrong(
    client: FlaskClient, body: dict[str, Any], detail: str
) -> None:
    assert ask(client, **body).get_json()["detail"] == detail


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"text":\n "dog",}', r"is not valid JSON: .* at line 2, column \d+\."),
        (b"", r"is not valid JSON: expecting value at line 1, column 1\."),
        (b'{"text": "\xff"}', r"is not UTF-8: see byte 10\."),
        (b"[" * 50_000, r"is nested too deeply\."),
        (b'{"top_k": ' + b"1" * 5_000 + b"}", r"is not valid JSON: a number is too long\."),
    ],
    ids=["comma", "empty", "not utf-8", "deep", "long number"],
)
def test_a_body_that_is_no_json_is_400_and_says_where(
    client: FlaskClient, body: bytes, detail: str
) -> None:
    broken = client.post("/v1/searches", data=body, content_type="application/json")
    assert (broken.status_code, broken.get_json()["code"]) == (400, "invalid_request")
    assert re.fullmatch(f"The body {detail}", broken.get_json()["detail"])


def test_a_body_that_is_not_declared_as_json_is_refused(client: FlaskClient) -> None:
    other = client.post("/v1/searches", data="text=dog", content_type="text/plain")
    assert other.status_code == 415


@pytest.mark.parametrize("path", ["", "/contact-sheet.png"])
def test_an_unknown_search_is_404(client: FlaskClient, path: str) -> None:
    assert client.get(f"/v1/searches/{'0' * 32}{path}").status_code == 404


@pytest.mark.parametrize("prefer", ["wait=soon", "wait=-1", "respond-async", ""])
def test_a_preference_that_cannot_be_met_is_ignored(client: FlaskClient, prefer: str) -> None:
    response = client.post("/v1/searches", json={"text": "red"}, headers={"Prefer": prefer})
    assert response.status_code == 202


def test_the_contact_sheet_is_five_by_two_tiles(client: FlaskClient) -> None:
    search = ask(client, text="red").get_json()
    response = client.get(search["links"]["contact_sheet"])
    assert response.mimetype == "image/png"
    sheet = Image.open(io.BytesIO(response.data))
    assert sheet.size == (750, 300)
    red, green, blue = sheet.convert("RGB").getpixel((75, 75))
    assert red > 200
    assert green < 60
    assert blue < 60


def test_the_contact_sheet_may_have_other_tiles(client: FlaskClient) -> None:
    search = ask(client, text="red").get_json()
    path = search["links"]["contact_sheet"]
    small = client.get(f"{path}?columns=3&rows=1&tile=64")
    assert Image.open(io.BytesIO(small.data)).size == (192, 64)
    assert client.get(f"{path}?columns=0").status_code == 422
    # This sheet would take eight hundred megabytes of memory.
    assert client.get(f"{path}?columns=20&rows=50&tile=512").status_code == 422


def test_a_search_that_no_worker_takes_stays_queued() -> None:
    inline = start_inline(load_settings({}), workers=False)
    client = inline.app.test_client()
    response = ask(client, text="red")
    assert response.status_code == 202
    assert response.get_json()["state"] == "queued"
    assert client.get(f"/v1/images/{'0' * 64}").status_code == 503
    sheet = client.get(f"{response.headers['Location']}/contact-sheet.png")
    assert sheet.status_code == 503
    assert sheet.get_json()["code"] == "worker_unavailable"
    inline.close()
