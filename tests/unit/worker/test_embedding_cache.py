"""The cache of embeddings: bounded, counted, and separate for each model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from worker.search.embedding_cache import EmbeddingCache

VECTOR = np.array([0.6, 0.8], dtype=np.float32)


def test_what_was_put_is_got_and_counted() -> None:
    lookups: list[bool] = []
    cache = EmbeddingCache("model@1", 2, lookups.append)
    assert cache.get("dog") is None
    cache.put("dog", VECTOR)
    found = cache.get("dog")
    assert found is not None
    np.testing.assert_array_equal(found, VECTOR)
    assert (lookups, len(cache)) == ([False, True], 1)


def test_the_text_unused_for_longest_goes_first() -> None:
    cache = EmbeddingCache("model@1", 2)
    cache.put("dog", VECTOR)
    cache.put("cat", VECTOR)
    cache.get("dog")
    cache.put("cow", VECTOR)
    assert [cache.get(text) is None for text in ("dog", "cat", "cow")] == [False, True, False]


def test_a_text_put_again_takes_no_more_room() -> None:
    cache = EmbeddingCache("model@1", 2)
    cache.put("dog", VECTOR)
    cache.put("cat", VECTOR)
    cache.put("dog", -VECTOR)
    assert len(cache) == 2
    found = cache.get("dog")
    assert found is not None
    assert found[0] < 0


def test_a_cache_of_nothing_keeps_nothing() -> None:
    cache = EmbeddingCache("model@1", 0)
    cache.put("dog", VECTOR)
    assert cache.get("dog") is None
    assert len(cache) == 0


def test_texts_are_told_apart_to_the_letter() -> None:
    cache = EmbeddingCache("model@1", 10)
    cache.put("dog", VECTOR)
    assert cache.get("Dog") is None
    assert cache.get("dog ") is None


def test_nobody_changes_what_is_kept() -> None:
    cache = EmbeddingCache("model@1", 2)
    vector = VECTOR.copy()
    cache.put("dog", vector)
    vector[0] = 7
    found = cache.get("dog")
    assert found is not None
    assert found[0] == VECTOR[0]
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 7


def test_many_threads_share_it() -> None:
    lookups: list[bool] = []
    cache = EmbeddingCache("model@1", 8, lookups.append)

    def use(number: int) -> None:
        for at in range(200):
            text = str((number * 7 + at) % 20)
            if cache.get(text) is None:
                cache.put(text, VECTOR)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert len(lookups) == 1600
    assert len(cache) <= 8
    assert len(cache) == 8
