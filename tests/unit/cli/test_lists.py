"""`glimpse images`, `glimpse delete` and `glimpse jobs` against the whole API."""

from __future__ import annotations

import io
import json

import pytest

from cli.main import run
from glimpse_client import Glimpse
from tests.support.inline import Inline
from tests.support.pictures import image_id, picture

RED, BLUE = picture("red"), picture("blue")


pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def uploaded(inline: Inline) -> list[str]:
    """Upload two pictures in separate jobs; return their ids, newest first."""
    for data, name, tags in ((BLUE, "sea/blue.png", ["cold"]), (RED, "red.png", ["warm"])):
        parts = {"file": (io.BytesIO(data), name), "metadata": json.dumps({"tags": tags})}
        inline.app.test_client().post("/v1/images", data=parts)
    return [image_id(RED), image_id(BLUE)]


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_images_are_listed_as_lines(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["images"]) == 0
    shown = {line[0]: line for line in lines(capsys)}
    assert set(shown) == set(uploaded)
    assert shown[image_id(BLUE)][2:] == ["40x30", "sea/blue.png"]


def test_images_are_bounded_and_chosen_by_tag(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["images", "--limit", "1"]) == 0
    assert len(lines(capsys)) == 1
    assert run(["images", "--tag", "cold"]) == 0
    assert [line[0] for line in lines(capsys)] == [image_id(BLUE)]
    assert run(["images", "--limit", "0"]) == 2


def test_images_are_one_json_document(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["images", "--json", "--tag", "warm"]) == 0
    found = json.loads(capsys.readouterr().out)
    (image,) = found["images"]
    assert list(found) == ["images"]
    assert (image["id"], image["filename"], image["tags"]) == (uploaded[0], "red.png", ["warm"])


@pytest.mark.parametrize("command", ["images", "jobs"])
def test_an_empty_list_is_said(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"No {command} found.")


def test_deleted_images_are_said_and_gone(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["delete", *uploaded, uploaded[0]]) == 0
    assert capsys.readouterr().out == f"deleted {uploaded[0]}\ndeleted {uploaded[1]}\n"
    assert run(["images"]) == 0
    assert capsys.readouterr().out == ""


def test_an_image_that_is_not_there_stops_no_other(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["delete", "0" * 64, uploaded[0]])
    assert ended.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == f"deleted {uploaded[0]}\n"
    assert captured.err == f"There is no image {'0' * 64}.\n"


def test_what_is_no_id_deletes_nothing(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["delete", uploaded[0], "red.png"]) == 2
    assert "'red.png' is not an image ID" in capsys.readouterr().err
    assert run(["delete"]) == 2
    capsys.readouterr()
    assert run(["images"]) == 0
    assert len(lines(capsys)) == 2


def test_jobs_are_listed_as_lines(uploaded: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs"]) == 0
    assert [line[2:] for line in lines(capsys)] == [["succeeded", "1", "1", "0"]] * 2
    assert run(["jobs", "--limit", "1"]) == 0
    assert len(lines(capsys)) == 1


def test_jobs_are_chosen_by_state(uploaded: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "--state", "failed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"jobs": []}
    assert run(["jobs", "--state", "succeeded", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["jobs"]
    assert [(job["state"], job["indexed"]) for job in found] == [("succeeded", 1)] * 2
    assert run(["jobs", "--state", "odd"]) == 2


def test_a_list_is_read_page_by_page(uploaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glimpse_client.connection._PAGE", 1)
    with Glimpse.from_environ() as client:
        assert sorted(image.id for image in client.images(None)) == sorted(uploaded)
        assert len(list(client.jobs("succeeded"))) == 2
        assert [image.id for image in client.images("warm")] == uploaded[:1]
