"""Addresses to listen on: what is read as one, and what is not."""

from __future__ import annotations

import pytest

from common.errors import InvalidSettings
from common.listen_address import ListenAddress
from common.settings import load_settings


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("9464", "127.0.0.1", 9464),
        ("0.0.0.0:9464", "0.0.0.0", 9464),
        ("localhost:1", "localhost", 1),
        ("[::1]:65535", "::1", 65535),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int) -> None:
    settings = load_settings({"GLIMPSE_METRICS_BIND": text})
    assert settings.metrics_bind == ListenAddress(host, port)
    assert ListenAddress.parse(str(settings.metrics_bind)) == settings.metrics_bind


@pytest.mark.parametrize(
    "text", ["0", "65536", "123456", "host", ":9464", "::1:9464", "[::1]9464", "a b:1", "-1", "٣"]
)
def test_what_is_no_address_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidSettings, match=r"GLIMPSE_METRICS_BIND.*such as 9464, 0\.0\.0\.0"):
        load_settings({"GLIMPSE_METRICS_BIND": text})


def test_nothing_is_listened_on_by_default() -> None:
    assert load_settings({}).metrics_bind is None
    assert load_settings({"GLIMPSE_METRICS_BIND": ""}).metrics_bind is None
