"""`glimpse tag`, `glimpse edit` and `glimpse refresh` against the whole API."""

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
        ["--tag", "cold"],
        ["--filter", '{"tags": {"any": ["cold"]}}'],
    ):
        assert run(["refresh", *selection, "--json"]) == 0
        job = json.loads(capsys.readouterr().out)
        assert (job["kind"], job["total"], job["unchanged"]) == ("refresh", 1, 1)
    assert run(["status", job["id"], "--wait"]) == 0
    assert capsys.readouterr().out == "succeeded: 1 of 1 done\n0 changed, 1 unchanged, 0 failed\n"


@pytest.mark.parametrize("command", [["tag", "+x"], ["edit", "--set", "a=b"], ["refresh"]])
def test_a_selection_without_images_is_told(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    failed(*command, "--tag", "lukewarm")
    assert capsys.readouterr().err == "No images match.\n"


@pytest.mark.parametrize(
    "command",
    [
        ["tag", "+", "--tag", "warm"],
        ["tag", "+two\nlines", "--tag", "warm"],
        ["edit", "--set", "a=b", "--tag", ""],
        ["images", "--tag", ""],
        ["delete", "--tag", ""],
        ["ingest", ".", "--tag", "x" * 129],
    ],
)
def test_what_cannot_be_a_tag_is_refused(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 2
    assert "is not a tag, which has 1 to 128 characters on one line" in capsys.readouterr().err


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
        [image_id(RED), "--tag", "warm"],
        ["--tag", "warm", "--filter", '{"tags": {"any": ["cold"]}}'],
    ],
)
def test_a_wrong_selection_is_refused(selection: list[str]) -> None:
    assert run(["refresh", *selection]) == 2


def image(server: Inline) -> dict[str, object]:
    found: dict[str, object] = (
        server.app.test_client().get(f"/v1/images/{image_id(RED)}").get_json()
    )
    return found


def test_tags_are_added_and_removed(server: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tag", image_id(RED), "+dog", "-warm", "+new tag", "-holiday"]) == 0
    assert capsys.readouterr().out == "1 changed, 0 unchanged, 0 failed\n"
    assert image(server)["tags"] == ["dog", "new tag"]
    assert run(["tag", "--tag", "dog", "-dog", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["modified"] == 1
    assert image(server)["tags"] == ["new tag"]


def test_metadata_is_set_and_removed(server: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    values = [
        "album=Crete",
        "year=2026",
        "ratio=1.5",
        "draft=true",
        'code="12"',
        "odd=[1",
        "none=null",
    ]
    assert (
        run(["edit", image_id(RED), *(word for value in values for word in ("--set", value))]) == 0
    )
    assert image(server)["metadata"] == {
        "album": "Crete",
        "year": 2026,
        "ratio": 1.5,
        "draft": True,
        "code": "12",
        "odd": "[1",
        "none": "null",
    }
    assert run(["edit", "--filter", "{}", "--set", "year=2027", "--unset", "draft"]) == 0
    assert capsys.readouterr().out.endswith("2 changed, 0 unchanged, 0 failed\n")
    assert run(["edit", image_id(BLUE), "--unset", "unknown"]) == 0
    failed("edit", "0" * 64, "--set", "year=2027")


def test_an_image_is_renamed(server: Inline) -> None:
    assert run(["edit", image_id(RED), "--rename", "new.png"]) == 0
    assert image(server)["filename"] == "new.png"
    assert image(server)["earlier_filenames"] == ["red.png"]


@pytest.mark.parametrize(
    "command",
    [
        ["tag", image_id(RED)],
        ["tag", "+dog"],
        ["tag", "dog", "+cat"],
        ["edit", image_id(RED)],
        ["edit", "--set", "year=2026"],
        ["edit", image_id(RED), "--set", "year"],
        ["edit", image_id(RED), image_id(BLUE), "--rename", "one.png"],
        ["edit", "--filter", "{}", "--rename", "one.png"],
        ["edit", image_id(RED), "--set", "year=2026", "--unset", "year"],
    ],
)
def test_an_incomplete_edit_is_refused(command: list[str]) -> None:
    assert run(command) == 2
