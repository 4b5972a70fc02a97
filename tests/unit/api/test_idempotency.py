"""``Idempotency-Key``: one job per key, despite retries and interrupted requests."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest
from flask import Request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.dispatch.inline import InlineDispatcher
from api.idempotency.memory import MemoryIdempotency
from api.uploads.lease_renewal import RenewingInput
from common.dead_letters.base import DeadLetter
from common.errors import BrokerUnavailable
from common.settings import load_settings
from tests.support.archives import zip_of
from tests.support.clock import Clock
from tests.support.inline import Inline, replace_parts, start_inline
from tests.support.pictures import image_id, picture

RED, BLUE = picture("red"), picture("blue")


def upload(client: FlaskClient, key: str, *files: tuple[str, bytes], **fields: str) -> TestResponse:
    parts = [(io.BytesIO(data), name) for name, data in files or [("red.png", RED)]]
    headers = {"Idempotency-Key": key}
    return client.post("/v1/images", data={"file": parts, **fields}, headers=headers)


def send(client: FlaskClient, key: str, data: bytes, kind: str, name: str) -> TestResponse:
    headers = {"Idempotency-Key": key}
    path = f"/v1/images?filename={name}"
    return client.post(path, data=data, content_type=kind, headers=headers)


def jobs(client: FlaskClient) -> list[str]:
    return [job["id"] for job in client.get("/v1/jobs").get_json()["jobs"]]


def code(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


class Outage(MemoryIdempotency):
    """Keys that no request can release, as if its process or Redis failed first."""

    def settle(self, *_: str) -> None:
        raise BrokerUnavailable("Redis is down.")

    def give_back(self, *_: str) -> None:
        raise BrokerUnavailable("Redis is down.")


class CutOff(InlineDispatcher):
    """A dispatcher whose broker is unavailable."""

    def send(self, *_: object, **__: object) -> None:
        raise BrokerUnavailable("Redis is down.")


def test_the_same_key_gives_the_same_job(client: FlaskClient) -> None:
    first, second = upload(client, "k"), upload(client, "k")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.get_json()["id"] == second.get_json()["id"]
    assert first.headers["Location"] == second.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert jobs(client) == [first.get_json()["id"]]


def test_a_job_given_again_is_as_it_now_is() -> None:
    inline = start_inline(load_settings({}), workers=False)
    client = inline.app.test_client()
    first = upload(client, "k").get_json()
    client.delete(first["links"]["self"])
    second = upload(client, "k").get_json()
    assert (first["state"], second["state"]) == ("queued", "cancelled")
    inline.close()


@pytest.mark.parametrize(
    ("kind", "data"), [("image/png", RED), ("application/zip", zip_of([("red.png", RED)]))]
)
def test_bodies_of_every_kind_have_keys(client: FlaskClient, kind: str, data: bytes) -> None:
    first = send(client, "k", data, kind, "a")
    assert first.status_code == 202
    assert send(client, "k", data, kind, "a").get_json()["id"] == first.get_json()["id"]
    assert code(send(client, "k", data, kind, "b")) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("files", "fields"),
    [
        ([("red.png", BLUE)], {}),
        ([("other.png", RED)], {}),
        ([("red.png", RED), ("blue.png", BLUE)], {}),
        ([("red.png", RED)], {"metadata": '{"tags": ["dog"]}'}),
    ],
)
def test_another_request_under_the_same_key_is_refused(
    client: FlaskClient, files: list[tuple[str, bytes]], fields: dict[str, str]
) -> None:
    upload(client, "k")
    assert code(upload(client, "k", *files, **fields)) == (422, "idempotency_key_reused")
    assert len(jobs(client)) == 1


def test_what_was_refused_leaves_no_bytes(client: FlaskClient, inline: Inline) -> None:
    upload(client, "k")
    upload(client, "k", ("blue.png", BLUE))
    assert client.get(f"/v1/images/{image_id(BLUE)}/content").status_code == 404


def test_what_is_sent_again_does_not_bring_back_deleted_bytes(client: FlaskClient) -> None:
    upload(client, "k")
    assert client.delete(f"/v1/images/{image_id(RED)}").status_code == 204
    assert upload(client, "k").status_code == 202
    assert client.get(f"/v1/images/{image_id(RED)}/content").status_code == 404


def test_without_a_key_every_request_is_a_job(client: FlaskClient) -> None:
    for _ in range(2):
        client.post("/v1/images", data=RED, content_type="image/png")
    assert len(jobs(client)) == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü", 'a"b', '"a', '""', "a\\b", "a\tb"])
def test_a_malformed_key_is_refused(client: FlaskClient, key: str) -> None:
    response = upload(client, key)
    assert code(response) == (400, "invalid_request")
    assert response.get_json()["errors"][0]["field"] == "Idempotency-Key"
    assert jobs(client) == []


def test_quotes_around_a_key_are_none_of_it(client: FlaskClient) -> None:
    key = "x" * 255
    first = upload(client, key).get_json()
    assert upload(client, f'"{key}"').get_json()["id"] == first["id"]


def test_a_request_that_failed_frees_its_key(client: FlaskClient) -> None:
    assert upload(client, "k", metadata="{").status_code == 400
    assert upload(client, "k", metadata='{"tags": 1}').status_code == 422
    assert upload(client, "k", ("blue.png", BLUE)).status_code == 202


def test_a_broker_that_was_away_frees_the_key(client: FlaskClient, inline: Inline) -> None:
    dispatcher = inline.app.extensions["glimpse"].dispatcher
    replace_parts(inline, dispatcher=CutOff({}))
    assert upload(client, "k").status_code == 503
    replace_parts(inline, dispatcher=dispatcher)
    response = upload(client, "k")
    assert response.status_code == 202
    assert "Idempotency-Replayed" not in response.headers


def test_while_the_first_is_in_progress_others_come_again(inline: Inline) -> None:
    begun, go_on = threading.Event(), threading.Event()
    dispatcher = inline.app.extensions["glimpse"].dispatcher

    class Gate(InlineDispatcher):
        def send(self, *args: Any, **kwargs: Any) -> None:
            begun.set()
            go_on.wait(60)
            dispatcher.send(*args, **kwargs)

    replace_parts(inline, dispatcher=Gate({}))
    answers: list[TestResponse] = []
    first = threading.Thread(target=lambda: answers.append(upload(inline.app.test_client(), "k")))
    first.start()
    begun.wait(60)
    client = inline.app.test_client()
    response = upload(client, "k")
    go_on.set()
    first.join()
    assert code(response) == (409, "idempotency_key_in_progress")
    assert response.headers["Retry-After"] == "1"
    assert upload(client, "k").get_json()["id"] == answers[0].get_json()["id"]
    assert len(jobs(client)) == 1


def test_a_job_whose_request_was_cut_short_is_found(client: FlaskClient, inline: Inline) -> None:
    """The process died after it accepted the job and before it recorded it under the key."""
    clock = Clock()
    replace_parts(inline, idempotency=Outage(60, clock.now))
    first = upload(client, "k")
    assert first.status_code == 202
    assert code(upload(client, "k")) == (409, "idempotency_key_in_progress")
    clock.sleep(61)
    second = upload(client, "k")
    assert second.get_json()["id"] == first.get_json()["id"]
    assert second.headers["Idempotency-Replayed"] == "true"
    clock.sleep(61)
    assert code(upload(client, "k", ("blue.png", BLUE))) == (422, "idempotency_key_reused")
    assert len(jobs(client)) == 1


def test_a_request_cut_short_before_its_job_leaves_the_key_as_new(
    client: FlaskClient, inline: Inline
) -> None:
    clock, dispatcher = Clock(), inline.app.extensions["glimpse"].dispatcher
    cut = CutOff({})
    replace_parts(inline, idempotency=Outage(60, clock.now), dispatcher=cut)
    assert upload(client, "k").status_code == 503
    clock.sleep(61)
    replace_parts(inline, dispatcher=dispatcher)
    response = upload(client, "k", ("blue.png", BLUE))
    assert response.status_code == 202
    assert jobs(client) == [response.get_json()["id"]]


def test_where_redis_is_away_a_request_with_a_key_is_refused(
    client: FlaskClient, inline: Inline
) -> None:
    class Away(MemoryIdempotency):
        def take(self, *_: str) -> Any:
            raise BrokerUnavailable("Redis is down.")

    replace_parts(inline, idempotency=Away())
    assert code(upload(client, "k")) == (503, "broker_unavailable")


def test_a_replay_has_a_key_too(client: FlaskClient, inline: Inline) -> None:
    writer = inline.blobs.writer("default")
    writer.write(RED)
    writer.commit(image_id(RED))
    letter = {
        "id": image_id(RED),
        "tenant": "default",
        "filename": "red.png",
        "job_id": "1" * 32,
        "code": "encoder_error",
        "detail": "The model failed on it.",
        "attempts": 2,
        "at": 1.0,
        "tags": [],
        "metadata": {},
    }
    inline.app.extensions["glimpse"].dead_letters.put([DeadLetter.model_validate(letter)])
    path, headers = f"/v1/dead-letters/{image_id(RED)}/replay", {"Idempotency-Key": "k"}
    first, second = client.post(path, headers=headers), client.post(path, headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.get_json()["id"] == second.get_json()["id"]
    assert client.post(path, headers={"Idempotency-Key": "l"}).status_code == 404
    assert code(upload(client, "k")) == (422, "idempotency_key_reused")


def test_a_key_is_renewed_while_its_body_comes() -> None:
    """The body may take any time, as long as parts of it keep arriving."""
    renewed: list[str] = []
    environ = {"wsgi.input": io.BytesIO(b"x" * 10), "wsgi.input_terminated": True}
    stream = environ["wsgi.input"]
    request = Request(environ)
    with RenewingInput.of(request, lambda: renewed.append("x"), every_s=0):
        assert [request.stream.read(5) for _ in range(2)] == [b"xxxxx", b"xxxxx"]
    assert len(renewed) == 2
    assert environ["wsgi.input"] is stream


def test_a_key_is_not_renewed_for_every_piece() -> None:
    renewed: list[str] = []
    request = Request({"wsgi.input": io.BytesIO(b"x"), "wsgi.input_terminated": True})
    with RenewingInput.of(request, lambda: renewed.append("x"), every_s=1000):
        assert request.stream.read(5) == b"x"
    assert renewed == []
