"""`glimpse refresh` against the whole API."""

from __future__ import annotations

import io
import json

import pytest

from cli.main import run
from tests.support.inline import Inline
from tests.support.pictures import image_id, picture

RED, BLUE = picture("red"), picture("blue")


@pytest.fixture(autouse=True)
def _uploaded(server: Inline) -> None:
    for data, name, tag in ((RED, "red.png", "warm"), (BLUE, "blue.png", "cold")):
        parts = {"file": (io.BytesIO(data), name), "metadata": json.dumps({"tags": [tag]})}
        server.app.test_client().post("/v1/images", data=parts)


def failed(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 1


def test_all_images_are_refreshed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["refresh"]) == 0
    assert capsys.readouterr().out == "0 changed, 2 unchanged, 0 failed\n"


def test_some_images_are_refreshed(capsys: pytest.CaptureFixture[str]) -> None:
    for selection in (
        [image_id(RED)],
        ["--tagged", "cold"],
        ["--filter", '{"tags": {"any": ["cold"]}}'],
    ):
        assert run(["refresh", *selection, "--json"]) == 0
        job = json.loads(capsys.readouterr().out)
        assert (job["kind"], job["total"], job["unchanged"]) == ("refresh", 1, 1)
    assert run(["status", job["id"], "--wait"]) == 0
    assert capsys.readouterr().out == "succeeded: 1 of 1 done\n0 changed, 1 unchanged, 0 failed\n"


def test_an_image_that_fails_is_named(server: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    server.blobs.delete("default", image_id(RED))
    failed("refresh")
    assert "  red.png: bytes_missing: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "selection",
    [
        ["--filter", "x"],
        ["--filter", "[]"],
        ["not an id"],
        [image_id(RED), "--tagged", "warm"],
        ["--tagged", "warm", "--filter", '{"tags": {"any": ["cold"]}}'],
    ],
)
def test_a_wrong_selection_is_refused(selection: list[str]) -> None:
    assert run(["refresh", *selection]) == 2
