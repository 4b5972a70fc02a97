"""`glimpse images`, `glimpse delete` and `glimpse jobs` against the whole API."""

from __future__ import annotations

import io
import json
import os
import pty

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
    assert shown[image_id(BLUE)][2:] == ["40x30", "sea/blue.png", "cold", ""]


def test_images_are_bounded_and_chosen_by_tag(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["images", "--limit", "1"]) == 0
    assert len(lines(capsys)) == 1
    assert run(["images", "--tag", "cold"]) == 0
    assert [line[0] for line in lines(capsys)] == [image_id(BLUE)]
    assert run(["images", "--limit", "0"]) == 2


def test_images_are_chosen_by_a_filter(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for wanted, found in (
        ('{"not": {"tags": {"any": ["warm"]}}}', [image_id(BLUE)]),
        ('{"or": [{"filename": "red.png"}, {"filename": {"prefix": "sea/"}}]}', uploaded),
        ('{"width": 1}', []),
    ):
        assert run(["images", "--filter", wanted]) == 0
        assert {line[0] for line in lines(capsys)} == set(found)
    assert run(["images", "--filter", "[]"]) == 2
    assert run(["images", "--filter", '{"colour": "red"}']) == 3


def test_images_are_sorted(uploaded: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for order, names in (
        ("filename", ["red.png", "sea/blue.png"]),
        ("-filename", ["sea/blue.png", "red.png"]),
        ("indexed_at", ["sea/blue.png", "red.png"]),
    ):
        assert run(["images", "--sort", order]) == 0
        assert [line[3] for line in lines(capsys)] == names
    assert run(["images", "--sort", "colour"]) == 2


def test_tags_are_listed(uploaded: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tags"]) == 0
    assert lines(capsys) == [["cold", "1"], ["warm", "1"]]
    assert run(["tags", "W"]) == 0
    assert lines(capsys) == [["warm", "1"]]
    assert run(["tags", "x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"tags": [], "more_than": False}


def test_all_images_that_match_a_filter_are_deleted(
    uploaded: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["--filter", '{"not": {"tags": {"any": ["warm"]}}}']
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run(["delete", *wanted]) == 2
    assert "Delete 1 image found by the filter? Confirm" in capsys.readouterr().err
    assert run(["delete", *wanted, "--tag", "cold", "--yes"]) == 0
    assert capsys.readouterr().out == f"deleted {image_id(BLUE)}\n"
    with pytest.raises(SystemExit, match="1"):
        run(["delete", *wanted, "--yes"])
    assert "No images match." in capsys.readouterr().err
    assert run(["delete", uploaded[0], *wanted]) == 2


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


@pytest.mark.parametrize("selection", [["--tag", "lukewarm"], ["--filter", '{"width": 1}']])
def test_a_selection_without_images_is_told(
    selection: list[str], uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["images", *selection]) == 0
    assert capsys.readouterr().err == "No images match.\n"


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
    assert run(["delete", uploaded[0], "--tag", "warm"]) == 2
    capsys.readouterr()
    assert run(["images"]) == 0
    assert len(lines(capsys)) == 2


def test_all_images_with_a_tag_are_deleted(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["delete", "--tag", "cold", "--yes"]) == 0
    assert capsys.readouterr().out == f"deleted {image_id(BLUE)}\n"
    with pytest.raises(SystemExit, match="1"):
        run(["delete", "--tag", "cold", "--yes"])
    assert "No images have the tag cold." in capsys.readouterr().err
    assert run(["images"]) == 0
    assert [line[0] for line in lines(capsys)] == [image_id(RED)]


@pytest.mark.parametrize(("answer", "status", "left"), [("y", 0, 1), ("n", 1, 2)])
def test_deleting_by_tag_asks_first(
    answer: str, status: int, left: int, uploaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, terminal = pty.openpty()
    os.write(leader, f"{answer}\n".encode())
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert ended(["delete", "-t", "cold"]) == status
    os.close(leader)
    with Glimpse.from_environ() as client:
        assert len(list(client.images())) == left


def test_deleting_by_tag_without_a_terminal_needs_a_yes(
    uploaded: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run(["delete", "--tag", "cold"]) == 2
    assert "Delete 1 image with the tag cold? Confirm with --yes" in capsys.readouterr().err


def ended(arguments: list[str]) -> int:
    """Return the exit status of a command, however it ends."""
    try:
        return run(arguments)
    except SystemExit as error:
        return int(error.code or 0)


def test_a_list_is_whole_in_a_pipe_and_bounded_on_a_terminal(
    uploaded: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cli.terminal.table._ON_TERMINAL", 1)
    assert run(["images"]) == 0
    assert len(lines(capsys)) == 2
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr("cli.terminal.table._ON_TERMINAL", 2)
    assert run(["images", "-n", "1"]) == 0
    assert capsys.readouterr().err == "These are 1 of 2; see more with --limit.\n"
    monkeypatch.setattr("cli.terminal.table._ON_TERMINAL", 1)
    for command, said in (
        ("images", "These are 1 of 2; see more with --limit.\n"),
        ("jobs", "There are more than these 1; see them with --limit.\n"),
    ):
        assert run([command]) == 0
        assert capsys.readouterr().err == said
        assert run([command, "-n", "2"]) == 0
        assert capsys.readouterr().err == ""


def test_nothing_is_cut_or_folded_on_a_narrow_terminal(
    uploaded: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "60")
    assert run(["images", "--tag", "warm"]) == 0
    names, row = capsys.readouterr().out.splitlines()
    assert "id" in names
    # As much of the ID as commands need.
    assert row.split()[0] == image_id(RED)[:16]
    assert row == row.rstrip()
    assert run(["show", row.split()[0]]) == 0
    assert image_id(RED) in capsys.readouterr().out


def test_a_reader_that_leaves_ends_a_list_with_success(
    uploaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert run(["images"]) == 0


def test_jobs_are_listed_as_lines(uploaded: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs"]) == 0
    assert [line[2:] for line in lines(capsys)] == [["succeeded", "1", "1", "0", "ingest", ""]] * 2
    assert run(["jobs", "--limit", "1"]) == 0
    assert len(lines(capsys)) == 1


def test_a_job_is_listed_with_its_name(
    uploaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with Glimpse.from_environ() as client:
        client.edit(uploaded, add_tags=["seen"])
        client.open_job(name="summer holiday")
    assert run(["jobs"]) == 0
    kinds = [tuple(line[-2:]) for line in lines(capsys)]
    assert sorted(kinds[:2]) == [("edit", ""), ("ingest", "summer holiday")]


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
