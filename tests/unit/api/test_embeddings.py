"""``POST /v1/embeddings``: inputs of every kind, invalid ones, and workers that do not answer."""

from __future__ import annotations

import base64
import io
import json
import time
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray
from werkzeug.test import TestResponse

from api.dispatch.inline import InlineDispatcher
from api.http.stream_slots import slots_of
from api.schemas.embedding import INPUTS_MAX, PICTURES_MAX
from common.blobs.memory import MemoryBlobs
from common.contract import EMBEDDINGS_RUN
from common.keys.token import issue
from common.settings import load_settings
from tests.support.inline import Inline, replace_parts, start_inline
from tests.support.pictures import image_id, jpeg, picture, truncated_jpeg
from worker.encoders.hashing import HashingEncoder

RED, BLUE = picture("red"), picture("blue")
UNKNOWN = "0" * 64

pytestmark = pytest.mark.usefixtures("indexed_colours")


def embed(client: FlaskClient, *inputs: dict[str, Any], **options: Any) -> TestResponse:
    return client.post("/v1/embeddings", json={"inputs": list(inputs), **options})


def send(client: FlaskClient, *pictures: bytes, **parts: Any) -> TestResponse:
    files = [(io.BytesIO(data), f"{number}.png") for number, data in enumerate(pictures)]
    form = {"file": files} | parts
    return client.post("/v1/embeddings", data=form, content_type="multipart/form-data")


def matrix(response: TestResponse) -> NDArray[np.float32]:
    assert response.status_code == 200, response.get_data(as_text=True)
    return np.array(response.get_json()["embeddings"], dtype=np.float32)


def fault(response: TestResponse) -> tuple[int, str, list[str]]:
    problem = response.get_json()
    return response.status_code, problem["code"], [each["field"] for each in problem["errors"]]


def test_embeddings_are_in_the_order_of_the_inputs(client: FlaskClient, inline: Inline) -> None:
    ids = [image_id(BLUE), image_id(RED)]
    inputs = [{"text": "red"}, {"image_id": ids[0]}, {"text": " blue "}, {"image_id": ids[1]}]
    found = matrix(embed(client, *inputs))
    stored = inline.store.vectors("default", ids)
    texts = HashingEncoder().encode_texts(["red", "blue"])
    expected = [texts[0], stored[ids[0]], texts[1], stored[ids[1]]]
    # The nine digits of a JSON number identify a float32.
    np.testing.assert_array_equal(found, expected)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(4), abs=1e-6)


def test_the_answer_names_the_model(client: FlaskClient) -> None:
    answer = embed(client, {"text": "red"}).get_json()
    encoder = HashingEncoder()
    model = (answer["model"], answer["revision"], answer["dimension"])
    assert model == (encoder.name, encoder.revision, encoder.dim)
    assert answer["encoding_format"] == "float"
    assert answer["took_ms"] > 0
    assert len(answer["embeddings"][0]) == encoder.dim


def test_base64_holds_the_same_numbers(client: FlaskClient) -> None:
    inputs = [{"text": "red"}, {"image_id": image_id(RED)}]
    numbers = matrix(embed(client, *inputs, encoding_format="float"))
    answer = embed(client, *inputs, encoding_format="base64").get_json()
    assert answer["encoding_format"] == "base64"
    encoded = [np.frombuffer(base64.b64decode(text), "<f4") for text in answer["embeddings"]]
    np.testing.assert_array_equal(encoded, numbers)


def test_pictures_follow_the_inputs(client: FlaskClient, inline: Inline) -> None:
    rest = json.dumps({"inputs": [{"text": "green"}, {"image_id": image_id(RED)}]})
    found = matrix(send(client, BLUE, RED, BLUE, embeddings=rest))
    stored = inline.store.vectors("default", [image_id(RED), image_id(BLUE)])
    red, blue = stored[image_id(RED)], stored[image_id(BLUE)]
    np.testing.assert_allclose(found[1:], [red, blue, red, blue], atol=1e-6)
    np.testing.assert_array_equal(found[0], HashingEncoder().encode_texts(["green"])[0])


def test_pictures_need_no_other_part(client: FlaskClient) -> None:
    assert matrix(send(client, RED)).shape == (1, HashingEncoder().dim)


def test_the_product_of_two_embeddings_is_the_score_of_a_search() -> None:
    settings = load_settings({"GLIMPSE_PROMPT_TEMPLATE": "{} at night"})
    inline = start_inline(settings)
    client = inline.app.test_client()
    client.post("/v1/images", data={"file": (io.BytesIO(RED), "red.png")})
    prefer = {"Prefer": "wait=5"}
    search = client.post("/v1/searches", json={"text": "dog"}, headers=prefer).get_json()
    text, image = matrix(embed(client, {"text": "dog"}, {"image_id": image_id(RED)}))
    assert text @ image == pytest.approx(search["hits"][0]["score"], abs=1e-6)
    # The template is applied: the text alone has another embedding.
    assert text @ HashingEncoder().encode_texts(["dog"])[0] < 0.999
    inline.close()


def test_pictures_are_kept_only_until_the_answer(client: FlaskClient, inline: Inline) -> None:
    assert send(client, RED, BLUE).status_code == 200
    assert list(inline.queries.stored()) == []
    assert send(client, RED, b"no picture").status_code == 422
    assert list(inline.queries.stored()) == []


def test_pictures_to_embed_are_no_images(client: FlaskClient) -> None:
    data = picture("pink")
    send(client, data)
    assert fault(embed(client, {"image_id": image_id(data)}))[1] == "not_found"


def test_every_unknown_image_is_named(client: FlaskClient) -> None:
    inputs = [{"text": "red"}, {"image_id": UNKNOWN}, {"image_id": image_id(RED)}]
    response = embed(client, *inputs, {"image_id": "1" * 64})
    assert fault(response) == (422, "not_found", ["inputs.1.image_id", "inputs.3.image_id"])
    assert UNKNOWN in response.get_json()["detail"]


def test_another_tenants_image_is_as_unknown_as_any(client: FlaskClient, inline: Inline) -> None:
    token, key = issue("globex", "test", ["read"], time.time())
    inline.keys.add(key)
    headers = {"Authorization": f"Bearer {token.text}"}
    answers = [
        client.post("/v1/embeddings", json={"inputs": [{"image_id": each}]}, headers=headers)
        for each in (image_id(RED), UNKNOWN)
    ]
    assert [fault(each) for each in answers] == [(422, "not_found", ["inputs.0.image_id"])] * 2


def test_a_key_needs_the_scope_read(client: FlaskClient, inline: Inline) -> None:
    token, key = issue("default", "test", ["write"], time.time())
    inline.keys.add(key)
    headers = {"Authorization": f"Bearer {token.text}"}
    response = client.post("/v1/embeddings", json={"inputs": [{"text": "a"}]}, headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"no picture at all", "not_an_image"),
        (RED + bytes(200_000), "too_large"),
        (truncated_jpeg(), "truncated"),
    ],
    ids=["empty", "text", "large", "truncated"],
)
def test_a_bad_picture_fails_the_request_and_is_named(
    client: FlaskClient, data: bytes, code: str
) -> None:
    rest = json.dumps({"inputs": [{"text": "green"}]})
    response = send(client, RED, data, BLUE, embeddings=rest)
    assert fault(response) == (422, code, ["file.1"])
    assert response.get_json()["detail"].startswith("file.1: ")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], ""),
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": "red"}, "inputs"),
        ({"inputs": ["red"]}, "inputs.0"),
        ({"inputs": [{}]}, "inputs.0"),
        ({"inputs": [{"text": "a", "image_id": UNKNOWN}]}, "inputs.0"),
        ({"inputs": [{"text": "a"}, {"text": " "}]}, "inputs.1.text"),
        ({"inputs": [{"text": "a" * 2001}]}, "inputs.0.text"),
        ({"inputs": [{"image_id": "abc"}]}, "inputs.0.image_id"),
        ({"inputs": [{"picture": True}]}, "inputs.0.picture"),
        ({"inputs": [{"text": "a"}] * (INPUTS_MAX + 1)}, "inputs"),
        ({"inputs": [{"text": "a"}], "encoding_format": "hex"}, "encoding_format"),
        ({"inputs": [{"text": "a"}], "model": "x"}, "model"),
    ],
)
def test_a_bad_body_names_its_field(client: FlaskClient, body: Any, field: str) -> None:
    response = client.post("/v1/embeddings", json=body)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"].startswith(field)


def test_as_many_inputs_as_allowed_are_embedded(client: FlaskClient) -> None:
    texts = [{"text": f"a text with the number {number}"} for number in range(INPUTS_MAX)]
    found = matrix(send(client, *[RED] * PICTURES_MAX, embeddings=json.dumps({"inputs": texts})))
    assert found.shape == (INPUTS_MAX + PICTURES_MAX, HashingEncoder().dim)
    response = send(client, *[RED] * (PICTURES_MAX + 1))
    assert fault(response) == (422, "unprocessable", ["file"])


@pytest.mark.parametrize(
    ("parts", "said", "field"),
    [
        ({}, "no picture", "file"),
        ({"embeddings": "{}"}, "no picture", "file"),
        ({"file": (io.BytesIO(jpeg()), "x.jpg"), "search": "{}"}, "search", "search"),
        ({"file": (io.BytesIO(jpeg()), "x.jpg"), "embeddings": "{"}, "JSON", "embeddings"),
        ({"file": (io.BytesIO(jpeg()), "x.jpg"), "embeddings": ["{}"] * 2}, "only one", "embed"),
    ],
)
def test_parts_that_are_missing_or_unknown_are_named(
    client: FlaskClient, parts: dict[str, Any], said: str, field: str
) -> None:
    kind = "multipart/form-data; boundary=x"
    if parts:
        response = client.post("/v1/embeddings", data=parts, content_type="multipart/form-data")
    else:
        response = client.post("/v1/embeddings", data=b"--x--\r\n", content_type=kind)
    assert response.status_code == 400
    assert said in response.get_json()["detail"]
    assert response.get_json()["errors"][0]["field"].startswith(field)


def test_other_media_types_are_refused(client: FlaskClient) -> None:
    response = client.post("/v1/embeddings", data="a dog", content_type="text/plain")
    assert (response.status_code, response.get_json()["code"]) == (415, "unsupported_media_type")


def test_without_a_worker_the_caller_is_asked_to_retry() -> None:
    inline = start_inline(load_settings({}), workers=False)
    response = embed(inline.app.test_client(), {"text": "red"})
    assert (response.status_code, response.get_json()["code"]) == (503, "worker_unavailable")
    assert int(response.headers["Retry-After"]) > 0
    inline.close()


def test_without_a_free_slot_the_request_is_refused(client: FlaskClient, inline: Inline) -> None:
    waits = slots_of(inline.app).waits
    taken = [waits.take() for _ in range(load_settings({}).waits_max)]
    response = embed(client, {"text": "red"})
    assert (response.status_code, response.get_json()["code"]) == (503, "overloaded")
    assert int(response.headers["Retry-After"]) > 0
    for give_back in taken:
        give_back()
    assert embed(client, {"text": "red"}).status_code == 200


def test_a_worker_that_does_not_see_the_pictures_is_named(inline: Inline) -> None:
    # The API stores the picture where the worker cannot read it.
    replace_parts(inline, queries=MemoryBlobs())
    response = send(inline.app.test_client(), RED)
    assert (response.status_code, response.get_json()["code"]) == (503, "worker_unavailable")
    assert "GLIMPSE_BLOBS_DIR" in response.get_json()["detail"]


def test_a_store_that_refuses_for_good_is_502(client: FlaskClient, inline: Inline) -> None:
    refused = {"error": {"code": "store_error", "detail": "Milvus refuses."}}
    replace_parts(inline, dispatcher=InlineDispatcher({EMBEDDINGS_RUN: lambda _: refused}))
    response = embed(client, {"image_id": image_id(RED)})
    assert (response.status_code, response.get_json()["code"]) == (502, "store_error")


def test_a_result_is_forgotten_once_it_is_read(client: FlaskClient, inline: Inline) -> None:
    class Listing(InlineDispatcher):
        """Lists the tasks that were sent."""

        def send(self, task: str, queue: str, task_id: str, *rest: Any, **more: Any) -> None:
            sent.append(task_id)
            super().send(task, queue, task_id, *rest, **more)

    sent: list[str] = []
    found = {"embeddings": [], "model": "m", "revision": "1", "dimension": 1}
    dispatcher = Listing({EMBEDDINGS_RUN: lambda _: found})
    replace_parts(inline, dispatcher=dispatcher)
    assert embed(client, {"text": "red"}).status_code == 200
    assert [dispatcher.result(task).state for task in sent] == ["queued"]
