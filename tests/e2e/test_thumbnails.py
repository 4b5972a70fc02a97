"""Thumbnails that are made at the first request, not during the ingest."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import require
from tests.support.pictures import image_id, jpeg
from tests.support.polling import finished_job, ready
from tests.support.services import MilvusLite, Stack, Valkey


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {"GLIMPSE_MODEL": "hashing", "GLIMPSE_THUMBNAILS": "request"}
    with Stack(tmp_path, settings) as stack:
        ready(stack.client)
        yield stack


def test_thumbnails_are_made_at_the_first_request(stack: Stack, tmp_path: Path) -> None:
    data = jpeg(1)
    answer = stack.client.post("/v1/images", files=[("file", ("1.jpg", data))]).raise_for_status()
    assert finished_job(stack.client, answer.headers["Location"])["state"] == "succeeded"
    assert renditions(tmp_path) == []
    links = stack.client.get(f"/v1/images/{image_id(data)}").raise_for_status().json()["links"]
    thumbnail = stack.client.get(links["thumbnail"]).raise_for_status()
    assert Image.open(io.BytesIO(thumbnail.content)).format == "JPEG"
    assert len(renditions(tmp_path)) == 1


def renditions(folder: Path) -> list[Path]:
    return [path for path in folder.glob("blobs/*/renditions/**/*") if path.is_file()]
