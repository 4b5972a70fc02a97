"""Embeddings from real processes: comparable with the scores of searches."""

from __future__ import annotations

import httpx
import pytest

from glimpse_client import Glimpse, RequestRefused
from tests.support.pictures import COLOURS, image_id, picture
from tests.support.services import Stack


def test_products_of_embeddings_are_the_scores_of_searches(
    shared_stack: Stack, api_key: str, tenant_client: httpx.Client
) -> None:
    with Glimpse(shared_stack.api.url, api_key=api_key) as glimpse:
        files = [(f"{colour}.png", picture(colour)) for colour in COLOURS]
        assert glimpse.wait(glimpse.upload(*files)).state == "succeeded"
        ids = [image_id(data) for _, data in files]
        text = "a dark blue sea and a red boat"
        found = glimpse.embed(text, image_ids=ids, pictures=[("new.png", picture("pink"))])
        searches = [glimpse.search(text), glimpse.search(picture=("new.png", picture("pink")))]
        queries, images = (found.embeddings[0], found.embeddings[-1]), found.embeddings[1:-1]
        for query, search in zip(queries, searches, strict=True):
            scores = {hit.id: hit.score for hit in search.hits}
            products = [sum(x * y for x, y in zip(query, each, strict=True)) for each in images]
            assert products == pytest.approx([scores[image] for image in ids], abs=1e-5)
        with pytest.raises(RequestRefused, match=r"inputs\.1\.image_id") as refusal:
            glimpse.embed(image_ids=[ids[0], image_id(picture("pink"))])
        assert refusal.value.code == "not_found"
    body = {"inputs": [{"text": text}, {"image_id": ids[0]}]}
    answer = tenant_client.post("/v1/embeddings", json=body).raise_for_status().json()
    assert (answer["model"], answer["dimension"]) == (found.model, found.dimension)
    assert [tuple(each) for each in answer["embeddings"]] == [
        pytest.approx(queries[0], abs=1e-7),
        pytest.approx(images[0], abs=1e-7),
    ]
