"""``embeddings.run``: one batch with searches, and inputs that fail."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from common.blobs.memory import MemoryBlobs
from common.contract import EmbeddingsRequest, Input
from common.errors import BlobsUnavailable, EncoderError
from common.settings import load_settings
from tests.support.pictures import picture, truncated_jpeg
from worker.encoders.hashing import HashingEncoder
from worker.search.embeddings import Embeddings
from worker.search.search import Search
from worker.stores.memory import MemoryStore


class PoisonedEncoder(HashingEncoder):
    """Fails on one text; records the sizes of its batches of pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[int] = []

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if "poison" in texts:
            raise EncoderError("The model failed.")
        return super().encode_texts(texts)

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.pictures.append(len(images))
        return super().encode_images(images)


@pytest.fixture
def queries() -> MemoryBlobs:
    queries = MemoryBlobs()
    for name, data in (("red", picture("red")), ("bad", truncated_jpeg())):
        writer = queries.writer("default")
        writer.write(data)
        writer.commit(name)
    return queries


@pytest.fixture
def encoder() -> PoisonedEncoder:
    return PoisonedEncoder()


@pytest.fixture
def embeddings(encoder: PoisonedEncoder, queries: MemoryBlobs) -> Iterator[Embeddings]:
    store = MemoryStore()
    store.open()
    search = Search.of(load_settings({}), encoder, store, queries)
    yield Embeddings(encoder, search.inputs)
    search.close()


def request(*inputs: Input) -> EmbeddingsRequest:
    return EmbeddingsRequest(inputs=list(inputs))


def test_an_embedding_is_little_endian_float32(embeddings: Embeddings) -> None:
    result = embeddings.run(request(Input(text="a red thing")))
    (found,) = (np.frombuffer(base64.b64decode(each), "<f4") for each in result.embeddings)
    np.testing.assert_array_equal(found, HashingEncoder().encode_texts(["a red thing"])[0])
    assert result.dimension == len(found)


def test_every_failed_input_is_listed_and_nothing_is_embedded(embeddings: Embeddings) -> None:
    inputs = [Input(text="good"), Input(text="poison"), Input(image_id="0" * 64)]
    result = embeddings.run(request(*inputs, Input(picture="red"), Input(picture="bad")))
    assert result.embeddings == []
    assert [(each.index, each.code) for each in result.failures] == [
        (1, "encoder_error"),
        (2, "not_found"),
        (4, "truncated"),
    ]


def test_a_picture_given_twice_is_embedded_once(
    embeddings: Embeddings, encoder: PoisonedEncoder
) -> None:
    first, second = embeddings.run(request(*[Input(picture="red")] * 2)).embeddings
    assert first == second
    assert encoder.pictures == [1]


def test_a_picture_that_is_not_in_the_store_is_no_fault_of_the_input(
    embeddings: Embeddings,
) -> None:
    with pytest.raises(BlobsUnavailable):
        embeddings.run(request(Input(picture="absent")))
