"""``/v1/dead-letters``: images given up, replayed or deleted."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.dispatch.inline import InlineDispatcher
from common.claims.base import Verdict
from common.claims.memory import MemoryClaims
from common.contract import INGEST_CHUNK
from common.dead_letters.base import DeadLetter, DeadLetters
from common.settings import load_settings
from tests.support.inline import Inline, replace_parts, start_inline
from tests.support.pictures import image_id, picture

DATA = picture("red")
ID = image_id(DATA)


@pytest.fixture
def letters(inline: Inline) -> DeadLetters:
    found: DeadLetters = inline.app.extensions["glimpse"].dead_letters
    return found


@pytest.fixture
def claims(inline: Inline) -> MemoryClaims:
    found: MemoryClaims = inline.app.extensions["glimpse"].claims
    return found


@pytest.fixture
def idle() -> Iterator[Inline]:
    """A Glimpse without workers."""
    inline = start_inline(load_settings({}), workers=False)
    yield inline
    inline.close()


def letter(image: str = ID, **changes: object) -> DeadLetter:
    fields = {
        "id": image,
        "tenant": "default",
        "filename": "pictures/red.png",
        "job_id": "1" * 32,
        "code": "encoder_error",
        "detail": "The model failed on it.",
        "attempts": 2,
        "at": 1_700_000_000.5,
        "tags": ["dog"],
        "metadata": {"year": 2026},
    }
    return DeadLetter.model_validate(fields | changes)


def keep_bytes(inline: Inline) -> None:
    writer = inline.blobs.writer("default")
    writer.write(DATA)
    writer.commit(ID)


def claimed_by_the_dead(claims: MemoryClaims) -> None:
    """Leave the claim of a worker that died while it processed the image."""
    MemoryClaims(0.0, 3, claims.table).take("dead", "default", [ID])


def listed(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/v1/dead-letters{query}").get_json()["dead_letters"]
    return found


def test_there_are_none_at_first(client: FlaskClient) -> None:
    assert client.get("/v1/dead-letters").get_json() == {"dead_letters": [], "next_cursor": None}


def test_a_letter_tells_everything(client: FlaskClient, letters: DeadLetters) -> None:
    letters.put([letter()])
    assert listed(client) == [
        {
            "id": ID,
            "filename": "pictures/red.png",
            "job_id": "1" * 32,
            "code": "encoder_error",
            "detail": "The model failed on it.",
            "attempts": 2,
            "dead_at": "2023-11-14T22:13:20.500Z",
            "tags": ["dog"],
            "metadata": {"year": 2026},
            "links": {
                "replay": f"/v1/dead-letters/{ID}/replay",
                "content": f"/v1/images/{ID}/content",
                "thumbnail": f"/v1/images/{ID}/thumbnail",
                "job": f"/v1/jobs/{'1' * 32}",
            },
        }
    ]


def test_no_thumbnail_is_offered_of_what_kills_those_who_decode_it(
    client: FlaskClient, letters: DeadLetters
) -> None:
    letters.put([letter(code="quarantined")])
    assert set(listed(client)[0]["links"]) == {"replay", "content", "job"}


def test_letters_come_in_pages_the_newest_first(client: FlaskClient, letters: DeadLetters) -> None:
    letters.put([letter(f"{number:064x}", at=float(number)) for number in range(5)])
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = client.get(f"/v1/dead-letters?limit=2{cursor and f'&cursor={cursor}'}").get_json()
        seen += [found["id"] for found in page["dead_letters"]]
        cursor = page["next_cursor"]
    assert seen == [f"{number:064x}" for number in reversed(range(5))]


@pytest.mark.parametrize(
    "query", ["cursor=nonsense", "cursor=nan-a", "cursor=", "limit=0", "limit=1001", "page=2"]
)
def test_a_bad_query_is_422_and_names_its_field(client: FlaskClient, query: str) -> None:
    response = client.get(f"/v1/dead-letters?{query}")
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == query.split("=")[0]


def test_letters_of_another_tenant_are_not_there(client: FlaskClient, letters: DeadLetters) -> None:
    letters.put([letter(tenant="other")])
    assert listed(client) == []
    assert client.post(f"/v1/dead-letters/{ID}/replay").status_code == 404
    assert client.delete(f"/v1/dead-letters/{ID}").status_code == 404
    assert letters.get("other", ID)


def test_a_replay_is_a_job_of_its_own(
    client: FlaskClient, inline: Inline, letters: DeadLetters
) -> None:
    keep_bytes(inline)
    letters.put([letter()])
    response = client.post(f"/v1/dead-letters/{ID}/replay")
    assert response.status_code == 202
    job = response.get_json()
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert response.headers["Retry-After"] == "1"
    assert (job["total"], job["indexed"]) == (1, 1)
    image = client.get(f"/v1/images/{ID}").get_json()
    assert (image["filename"], image["tags"]) == ("pictures/red.png", ["dog"])
    assert image["metadata"] == {"year": 2026}
    assert listed(client) == []


def test_a_replay_makes_the_bytes_as_young_as_an_upload(idle: Inline) -> None:
    """Otherwise the bytes look orphaned after the letter goes and before the job exists."""
    keep_bytes(idle)
    idle.blobs._blob("default", ID).at = 1.0
    idle.app.extensions["glimpse"].dead_letters.put([letter()])
    assert idle.app.test_client().post(f"/v1/dead-letters/{ID}/replay").status_code == 202
    assert next(idle.blobs.stored()).at > time.time() - 60


def test_a_replayed_image_may_be_tried_again(
    client: FlaskClient, inline: Inline, letters: DeadLetters, claims: MemoryClaims
) -> None:
    keep_bytes(inline)
    letters.put([letter()])
    claimed_by_the_dead(claims)
    client.post(f"/v1/dead-letters/{ID}/replay")
    assert claims.attempts("default", ID) == 0


def test_a_replay_waits_for_a_worker_like_any_upload(idle: Inline) -> None:
    keep_bytes(idle)
    idle.app.extensions["glimpse"].dead_letters.put([letter()])
    client = idle.app.test_client()
    job = client.post(f"/v1/dead-letters/{ID}/replay").get_json()
    assert job["state"] == "queued"
    kept = idle.app.extensions["glimpse"].jobs.get(job["id"])
    assert (kept.tags, kept.metadata) == (["dog"], {"year": 2026})


def test_a_replay_is_refused_while_too_much_waits() -> None:
    inline = start_inline(load_settings({"GLIMPSE_MAX_WAIT_S": "0"}), workers=False)
    keep_bytes(inline)
    letters: DeadLetters = inline.app.extensions["glimpse"].dead_letters
    letters.put([letter()])
    client = inline.app.test_client()
    client.post("/v1/images", data={"file": (io.BytesIO(picture("blue")), "blue.png")})
    response = client.post(f"/v1/dead-letters/{ID}/replay")
    assert (response.status_code, response.get_json()["code"]) == (503, "overloaded")
    assert letters.get("default", ID)
    inline.close()


def test_a_letter_without_bytes_stays_and_says_so(
    client: FlaskClient, letters: DeadLetters, claims: MemoryClaims
) -> None:
    letters.put([letter()])
    claimed_by_the_dead(claims)
    response = client.post(f"/v1/dead-letters/{ID}/replay")
    assert response.status_code == 404
    assert "bytes of image" in response.get_json()["detail"]
    assert letters.get("default", ID)
    assert claims.attempts("default", ID) == 1


def test_a_letter_with_a_tag_that_is_refused_by_now_is_replayed(
    client: FlaskClient, inline: Inline, letters: DeadLetters
) -> None:
    keep_bytes(inline)
    letters.put([letter(tags=["a\nb"])])
    job = client.post(f"/v1/dead-letters/{ID}/replay").get_json()
    assert (job["indexed"], job["state"]) == (1, "succeeded")
    image = client.get(f"/v1/images/{ID}").get_json()
    assert (image["tags"], image["metadata"]) == (["a\nb"], {"year": 2026})


def test_a_replay_that_fails_again_leaves_a_newer_letter(
    client: FlaskClient, inline: Inline, letters: DeadLetters
) -> None:
    def give_up(payload: dict[str, Any]) -> dict[str, Any]:
        letters.put([letter(job_id=payload["job_id"])])
        return {}

    # The task runs within the request, so the image is given up before the route returns.
    replace_parts(inline, dispatcher=InlineDispatcher({INGEST_CHUNK: give_up}))
    keep_bytes(inline)
    letters.put([letter()])
    job_id = client.post(f"/v1/dead-letters/{ID}/replay").get_json()["id"]
    assert [found["job_id"] for found in listed(client)] == [job_id]


@pytest.mark.parametrize("path", [f"/v1/dead-letters/{ID}/replay", f"/v1/dead-letters/{ID}"])
def test_of_requests_at_once_the_first_has_the_letter(
    client: FlaskClient, inline: Inline, letters: DeadLetters, claims: MemoryClaims, path: str
) -> None:
    keep_bytes(inline)
    letters.put([letter()])
    claimed_by_the_dead(claims)
    letters.take("default", ID, "another request", lease_s=600)
    send = client.post if path.endswith("replay") else client.delete
    response = send(path)
    assert (response.status_code, response.get_json()["code"]) == (409, "dead_letter_busy")
    assert response.headers["Retry-After"] == "1"
    assert claims.attempts("default", ID) == 1
    letters.give_back("default", ID, "another request")
    assert send(path).status_code in (202, 204)
    assert send(path).status_code == 404


def test_a_replay_that_fails_leaves_the_letter_free(
    client: FlaskClient, inline: Inline, letters: DeadLetters
) -> None:
    letters.put([letter()])
    headers = {"Idempotency-Key": "k"}
    url = f"/v1/dead-letters/{ID}/replay"
    assert client.post(url, headers=headers).status_code == 404
    keep_bytes(inline)
    job = client.post(url, headers=headers)
    assert job.status_code == 202
    again = client.post(url, headers=headers)
    assert (again.get_json()["id"], again.status_code) == (job.get_json()["id"], 202)


def test_a_newer_letter_stays_where_an_older_one_is_removed(
    client: FlaskClient, inline: Inline, letters: DeadLetters
) -> None:
    class BusyClaims(MemoryClaims):
        """Another job gives up the image while its letter is being removed."""

        def forget(self, tenant: str, ids: Sequence[str]) -> None:
            super().forget(tenant, ids)
            letters.put([letter(job_id="2" * 32)])

    replace_parts(inline, claims=BusyClaims())
    letters.put([letter()])
    assert client.delete(f"/v1/dead-letters/{ID}").status_code == 204
    assert [found["job_id"] for found in listed(client)] == ["2" * 32]


def test_a_deleted_letter_is_gone_with_the_attempts(
    client: FlaskClient, letters: DeadLetters, claims: MemoryClaims
) -> None:
    letters.put([letter(code="quarantined")])
    claimed_by_the_dead(claims)
    assert client.delete(f"/v1/dead-letters/{ID}").status_code == 204
    assert claims.attempts("default", ID) == 0
    assert listed(client) == []
    assert client.delete(f"/v1/dead-letters/{ID}").status_code == 404


def test_an_image_without_a_letter_keeps_its_claim(
    client: FlaskClient, claims: MemoryClaims
) -> None:
    claims.take("busy", "default", [ID])
    assert client.delete(f"/v1/dead-letters/{ID}").status_code == 404
    assert client.post(f"/v1/dead-letters/{ID}/replay").status_code == 404
    assert claims.take("other", "default", [ID]) == [Verdict.BUSY]


def test_a_replay_of_what_was_indexed_meanwhile_is_a_duplicate(
    client: FlaskClient, letters: DeadLetters
) -> None:
    client.post("/v1/images", data={"file": (io.BytesIO(DATA), "red.png")})
    letters.put([letter()])
    job = client.post(f"/v1/dead-letters/{ID}/replay").get_json()
    assert (job["duplicates"], job["state"]) == (1, "succeeded")
