"""Pictures with a tag that no other test finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.support.pictures import image_id
from tests.support.polling import finished_job
from tests.support.services import Stack


@contextmanager
def tagged(stack: Stack, tag: str, pictures: Mapping[str, bytes]) -> Iterator[str]:
    """Index pictures, by name, for a block; yield their tag, and delete them afterwards."""
    files = [("file", file) for file in pictures.items()]
    data = {"metadata": f'{{"tags": ["{tag}"]}}'}
    created = stack.client.post("/v1/images", files=files, data=data)
    finished_job(stack.client, created.headers["Location"])
    yield tag
    for each in pictures.values():
        stack.client.delete(f"/v1/images/{image_id(each)}").raise_for_status()
