"""Refused uploads leave no bytes in the blob store."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from common.blobs.folder import FolderBlobs
from tests.support.inline import Inline, replace_parts
from tests.support.pictures import picture


@pytest.mark.parametrize(
    "field",
    [
        {"metadata": (io.BytesIO(b"\xff"), "blob", "application/json")},
        {"metadata": (io.BytesIO(b"{"), "blob", "application/json")},
        {"metadata": "{"},
        {"metadata": ["{}", "{}"]},
        {"other": "x"},
    ],
    ids=["not utf-8", "json part", "field", "twice", "unknown"],
)
def test_pictures_of_a_form_that_is_refused_are_gone(
    client: FlaskClient, inline: Inline, tmp_path: Path, field: dict[str, Any]
) -> None:
    blobs = FolderBlobs(tmp_path)
    replace_parts(inline, blobs=blobs)
    file = (io.BytesIO(picture()), "a.png")
    response = client.post("/v1/images", data={"file": file, **field})
    assert (response.status_code, response.get_json()["code"]) == (400, "invalid_request")
    assert list(blobs.incoming.folder().iterdir()) == []
    assert list(blobs.stored()) == []
