"""Slots for long requests, and the refusal when none is free."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from api.http.stream_slots import Slots, slots_of
from common.errors import Overloaded
from common.settings import load_settings
from tests.support.inline import Inline, start_inline

WAIT = {"Prefer": "wait=5"}
IMAGE = f"/v1/images/{'0' * 64}"


@pytest.fixture
def crowded() -> Iterator[FlaskClient]:
    """A client of a process whose slots for waiting searches are all taken."""
    inline = start_inline(load_settings({"GLIMPSE_WAITS_MAX": "1"}))
    leave = take(inline)
    yield inline.app.test_client()
    leave()
    inline.close()


@pytest.fixture
def asked() -> Iterator[FlaskClient]:
    """A client of a process whose slots for questions about images are all taken."""
    inline = start_inline(load_settings({"GLIMPSE_CATALOG_WAITS_MAX": "1"}))
    with slots_of(inline.app).catalog.held():
        yield inline.app.test_client()
    inline.close()


def take(inline: Inline) -> Callable[[], None]:
    return slots_of(inline.app).waits.take()


def test_a_place_is_given_back_once() -> None:
    waits = Slots(1, "All are taken.", 3)
    give_back = waits.take()
    assert waits.take_if_free() is None
    with pytest.raises(Overloaded, match="All are taken") as refused:
        waits.take()
    assert refused.value.retry_after_s == 3
    give_back()
    give_back()
    with waits.held():
        assert waits.take_if_free() is None
    assert waits.take_if_free() is not None


def test_a_search_that_finds_no_place_to_wait_is_accepted(crowded: FlaskClient) -> None:
    response = crowded.post("/v1/searches", json={"text": "red"}, headers=WAIT)
    assert (response.status_code, response.get_json()["state"]) == (202, "queued")
    assert response.headers["Retry-After"] == "1"
    assert "Preference-Applied" not in response.headers
    # The search was sent nevertheless.
    assert crowded.get(response.headers["Location"]).get_json()["state"] == "succeeded"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", IMAGE), ("DELETE", IMAGE), ("GET", "/v1/images")]
)
def test_a_question_that_finds_no_place_is_refused(
    asked: FlaskClient, method: str, path: str
) -> None:
    response = asked.open(path, method=method)
    assert (response.status_code, response.get_json()["code"]) == (503, "overloaded")
    assert response.headers["Retry-After"] == "1"


def test_searches_and_questions_have_places_of_their_own(
    crowded: FlaskClient, asked: FlaskClient
) -> None:
    assert crowded.get("/v1/images").status_code == 200
    assert asked.post("/v1/searches", json={"text": "red"}, headers=WAIT).status_code == 200


def test_a_contact_sheet_waits_only_for_what_is_not_there(crowded: FlaskClient) -> None:
    done = crowded.post("/v1/searches", json={"text": "red"}).headers["Location"]
    assert crowded.get(f"{done}/contact-sheet.png").status_code == 200


def test_a_contact_sheet_that_finds_no_place_to_wait_is_refused() -> None:
    inline = start_inline(load_settings({"GLIMPSE_WAITS_MAX": "1"}), workers=False)
    client, leave = inline.app.test_client(), take(inline)
    asked = client.post("/v1/searches", json={"text": "red"}).headers["Location"]
    refused = client.get(f"{asked}/contact-sheet.png")
    assert (refused.status_code, refused.get_json()["code"]) == (503, "overloaded")
    leave()
    inline.close()


def test_each_place_has_a_thread_beside_those_of_all_others() -> None:
    settings = load_settings(
        {
            "GLIMPSE_EVENTS_MAX": "3",
            "GLIMPSE_WAITS_MAX": "5",
            "GLIMPSE_CATALOG_WAITS_MAX": "7",
        }
    )
    assert settings.api_threads == 16 + 3 + 5 + 7
