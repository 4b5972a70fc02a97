"""Fixtures of the API's unit tests."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient

from tests.support.pictures import COLOURS, picture


@pytest.fixture
def indexed_colours(client: FlaskClient) -> None:
    """Index a picture of each colour."""
    files = [(io.BytesIO(picture(colour)), f"{colour}.png") for colour in COLOURS]
    assert client.post("/v1/images", data={"file": files}).get_json()["indexed"] == len(COLOURS)
