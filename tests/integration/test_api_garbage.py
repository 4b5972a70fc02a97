"""The garbage collector of the API's processes."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.plain_http import PLAIN
from tests.support.services import Api, Valkey


class CountingApi(Api):
    """An API that counts its objects, started as a program."""

    # The process that others are forked from ignores what it imported.
    forked_from = None

    def command(self) -> list[str]:
        return [*super().command()[:-1], "tests.support.garbage_app:app"]


def test_it_ignores_the_modules_and_the_app(valkey: Valkey, tmp_path: Path) -> None:
    variables = {"GLIMPSE_REDIS_URL": valkey.url, "GLIMPSE_BLOBS_DIR": str(tmp_path / "blobs")}
    with CountingApi(tmp_path / "api", variables) as api:
        found = httpx.get(f"{api.url}/objects", **PLAIN).raise_for_status().json()
    assert found["looked_through"] < found["ignored"] / 10
