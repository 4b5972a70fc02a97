"""The embedder: searches share batches, each text is encoded once, and bad inputs fail alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.blobs.memory import MemoryBlobs
from common.contract import NoiseThreshold, SearchRequest, Term
from common.errors import EncoderError
from common.settings import load_settings
from tests.support.pictures import picture
from worker.decoding_time import DecodingTime
from worker.encoders.hashing import HashingEncoder
from worker.search.embedder import Embedder
from worker.search.embedding_cache import EmbeddingCache
from worker.search.pictures import QueryPictures
from worker.search.prompts import Prompts
from worker.search.query import combine
from worker.search.search import Search
from worker.stores.memory import MemoryStore


class RecordingEncoder(HashingEncoder):
    """Records the contents of each batch, can be blocked, and fails on some inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[list[str]] = []
        self.pictures: list[int] = []
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.go_on.set()
        # Calls running in the model now, and the highest number so far.
        self.inside, self.inside_max = 0, 0

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts.append(list(texts))
        self._enter()
        if "poison" in texts:
            raise EncoderError("poison")
        return super().encode_texts(texts)

    def encode_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.pictures.append(len(images))
        self._enter()
        return super().encode_images(images)

    def _enter(self) -> None:
        self.inside += 1
        self.inside_max = max(self.inside_max, self.inside)
        self.begun.release()
        assert self.go_on.wait(10)
        self.inside -= 1


@pytest.fixture
def encoder() -> RecordingEncoder:
    return RecordingEncoder()


@pytest.fixture
def cache() -> EmbeddingCache:
    return EmbeddingCache("hashing@1", 10)


@pytest.fixture
def embedder(encoder: RecordingEncoder, cache: EmbeddingCache) -> Iterator[Embedder]:
    embedder = Embedder(encoder, Prompts("a photo of a {}"), cache)
    yield embedder
    encoder.go_on.set()
    embedder.close()


def pixels(encoder: RecordingEncoder, colour: str) -> NDArray[np.uint8]:
    return encoder.preprocess(Image.new("RGB", (64, 64), colour))


def test_a_text_is_wrapped_encoded_once_and_kept(
    embedder: Embedder, encoder: RecordingEncoder, cache: EmbeddingCache
) -> None:
    first = embedder.begin_texts(["red", "red"])
    assert list(first) == ["red"]
    vector = embedder.finish(first["red"])
    np.testing.assert_array_equal(embedder.finish(embedder.begin_texts(["red"])["red"]), vector)
    assert encoder.texts == [["a photo of a red"]]
    assert len(cache) == 1


def test_texts_that_mean_one_prompt_are_each_answered(
    embedder: Embedder, encoder: RecordingEncoder
) -> None:
    begun = embedder.begin_texts(["dog", "a dog"])
    one, other = (embedder.finish(begun[text]) for text in ("dog", "a dog"))
    np.testing.assert_array_equal(one, other)


def test_terms_of_a_query_go_into_one_batch(embedder: Embedder, encoder: RecordingEncoder) -> None:
    begun = embedder.begin_texts(["one long sentence of words", "another long sentence of words"])
    assert [embedder.finish(future).shape for future in begun.values()] == [(encoder.dim,)] * 2
    assert [len(batch) for batch in encoder.texts] == [2]


def test_pictures_that_come_together_share_a_batch(
    embedder: Embedder, encoder: RecordingEncoder
) -> None:
    encoder.go_on.clear()
    first = embedder.begin_picture(pixels(encoder, "red"))
    assert encoder.begun.acquire(timeout=10)
    others = [embedder.begin_picture(pixels(encoder, colour)) for colour in ("blue", "green")]
    encoder.go_on.set()
    vectors = [embedder.finish(future) for future in (first, *others)]
    assert encoder.pictures == [1, 2]
    for vector, colour in zip(vectors, ("red", "blue", "green"), strict=True):
        expected = HashingEncoder().encode_images([pixels(encoder, colour)])[0]
        np.testing.assert_allclose(vector, expected, atol=1e-6)


def test_texts_and_pictures_take_turns(embedder: Embedder, encoder: RecordingEncoder) -> None:
    encoder.go_on.clear()
    picture = embedder.begin_picture(pixels(encoder, "red"))
    assert encoder.begun.acquire(timeout=10)
    text = embedder.begin_texts(["red"])["red"]
    encoder.go_on.set()
    assert embedder.finish(picture).shape == embedder.finish(text).shape
    assert encoder.inside_max == 1


def test_a_text_that_the_model_fails_on_fails_alone(
    embedder: Embedder, encoder: RecordingEncoder, cache: EmbeddingCache
) -> None:
    bad, good = "poison", "photo of a red thing"
    embedder = Embedder(encoder, Prompts(""), cache)
    begun = embedder.begin_texts([bad, good])
    with pytest.raises(EncoderError):
        embedder.finish(begun[bad])
    assert embedder.finish(begun[good]).shape == (encoder.dim,)
    embedder.close()
    assert cache.get(bad) is None


def test_a_probe_runs_the_model_even_where_all_is_cached(
    embedder: Embedder, encoder: RecordingEncoder
) -> None:
    assert embedder.inference_at == 0
    for _ in range(2):
        embedder.finish(embedder.probe())
    assert [len(batch) for batch in encoder.texts] == [1, 1]
    assert embedder.inference_at > 0


def test_searches_at_once_have_each_its_own_answer(encoder: RecordingEncoder) -> None:
    queries, store = MemoryBlobs(), MemoryStore()
    colours = ["red", "blue", "green", "white", "black", "yellow"]
    for colour in colours:
        writer = queries.writer("default")
        writer.write(picture(colour))
        writer.commit(colour)
    embedder = Embedder(encoder, Prompts(""), EmbeddingCache("hashing@1", 100))
    pictures = QueryPictures(queries, encoder, pixels_max=10**6)
    search = Search(encoder.name, embedder, pictures, store, NoiseThreshold())

    def vector(colour: str) -> NDArray[np.float32]:
        text = SearchRequest(terms=[Term(text=colour), Term(picture=colour, weight=0.5)])
        return combine([1, 0.5], search._vectors(text))

    alone = [vector(colour) for colour in colours]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(vector, colours))
    search.close()
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(6), abs=1e-6)


def test_a_picture_that_is_decoded_for_too_long_is_named() -> None:
    queries, time, named = MemoryBlobs(), DecodingTime(0), []
    writer = queries.writer("default")
    writer.write(picture("red"))
    writer.commit("one")

    class Watched(HashingEncoder):
        def preprocess(self, image: Image.Image, /) -> NDArray[np.uint8]:
            named.append(time.exceeded())
            return super().preprocess(image)

    search = Search.of(load_settings({}), Watched(), MemoryStore(), queries, decoding_time=time)
    search.run(SearchRequest(terms=[Term(picture="one")]))
    search.close()
    assert named == ["one"]
    assert time.exceeded() is None
