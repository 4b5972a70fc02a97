"""Fixtures of the unit tests: the app with the shipped fakes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from common.settings import load_settings
from tests.support.inline import Inline, start_inline


@pytest.fixture
def inline() -> Iterator[Inline]:
    settings = load_settings(
        {
            "GLIMPSE_CHUNK_IMAGES": "3",
            "GLIMPSE_IMAGE_BYTES_MAX": "200000",
            "GLIMPSE_UPLOAD_BYTES_MAX": "1000000",
            "GLIMPSE_UPLOAD_PARTS_MAX": "20",
        }
    )
    inline = start_inline(settings)
    yield inline
    inline.close()


@pytest.fixture
def client(inline: Inline) -> FlaskClient:
    return inline.app.test_client()
