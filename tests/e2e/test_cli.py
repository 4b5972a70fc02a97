"""The client commands against a real stack: their output and exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support.services.glimpse_up import GlimpseUp


@pytest.fixture(scope="module")
def up(shared_up: GlimpseUp) -> GlimpseUp:
    return shared_up


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in two folders, together with broken files."""
    folder = tmp_path_factory.mktemp("pictures") / "mixed"
    for name, colour in (("warm/red.png", "red"), ("cold/blue.jpg", "blue")):
        (folder / name).parent.mkdir(parents=True)
        Image.new("RGB", (80, 60), colour).save(folder / name)
    whole = (folder / "cold" / "blue.jpg").read_bytes()
    (folder / "cold" / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "cold" / "words.jpg").write_text("no picture at all")
    (folder / "cold" / "empty.png").touch()
    (folder / "lost.png").symlink_to("nowhere")
    return folder


@pytest.fixture(scope="module")
def ingested(up: GlimpseUp, folder: Path) -> dict[str, object]:
    run = up.glimpse("ingest", str(folder), "--json")
    assert run.returncode == 1, run.stderr
    assert run.stderr == ""
    summary: dict[str, object] = json.loads(run.stdout)
    return summary


def test_where_nothing_is_indexed_nothing_is_found(up: GlimpseUp) -> None:
    # Must run before the tests that ingest.
    run = up.glimpse("search", "red")
    assert (run.returncode, run.stdout) == (1, "")
    assert "glimpse ingest" in run.stderr
    run = up.glimpse("search", "red", "--json")
    assert (run.returncode, json.loads(run.stdout)["hits"]) == (1, [])


def test_each_bad_picture_fails_alone_with_its_reason(ingested: dict[str, object]) -> None:
    assert (ingested["indexed"], ingested["duplicates"], ingested["failed"]) == (2, 0, 4)
    failures = {failure["filename"]: failure["code"] for failure in ingested["failures"]}
    assert failures == {
        "mixed/cold/broken.jpg": "truncated",
        "mixed/cold/words.jpg": "not_an_image",
        "mixed/cold/empty.png": "empty",
        "mixed/lost.png": "unreadable",
    }
    assert all(failure["detail"] for failure in ingested["failures"])


@pytest.mark.usefixtures("ingested")
def test_the_summary_for_people_names_every_failed_file(up: GlimpseUp, folder: Path) -> None:
    run = up.glimpse("ingest", str(folder))
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    assert lines[0].startswith("0 indexed, 2 duplicates, 4 failed in ")
    assert "  mixed/cold/words.jpg: not_an_image: " in run.stdout
    assert len(lines) == 5
    assert run.stderr == ""


@pytest.mark.usefixtures("ingested")
def test_good_pictures_alone_end_with_status_0(up: GlimpseUp, folder: Path) -> None:
    run = up.glimpse("ingest", str(folder / "warm"), str(folder / "cold" / "blue.jpg"))
    assert (run.returncode, run.stdout.split(" in ")[0]) == (0, "0 indexed, 2 duplicates, 0 failed")


@pytest.mark.usefixtures("ingested")
def test_search_prints_rank_score_and_file(up: GlimpseUp) -> None:
    run = up.glimpse("search", "red", "--top-k", "1")
    assert run.returncode == 0
    rank, score, filename, image_id = run.stdout.strip().split("\t")
    assert (rank, filename, len(image_id)) == ("1", "mixed/warm/red.png", 64)
    assert -1 <= float(score) <= 1


@pytest.mark.usefixtures("ingested")
def test_search_as_json_and_with_a_sheet(up: GlimpseUp, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    run = up.glimpse("search", "blue", "--json", "--sheet", str(sheet))
    found = json.loads(run.stdout)
    assert [hit["filename"] for hit in found["hits"]] == [
        "mixed/cold/blue.jpg",
        "mixed/warm/red.png",
    ]
    assert (found["state"], found["encoder"]) == ("succeeded", "hashing")
    with Image.open(sheet) as image:
        assert (image.format, image.size) == ("PNG", (750, 300))


@pytest.mark.usefixtures("ingested")
def test_a_sheet_that_cannot_be_written_is_an_error(up: GlimpseUp, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    sheet.symlink_to("/dev/full")
    run = up.glimpse("search", "red", "--sheet", str(sheet))
    assert run.returncode == 1
    assert str(sheet) in run.stderr
    assert "Traceback" not in run.stderr


def test_status_tells_how_a_job_ended(up: GlimpseUp, ingested: dict[str, object]) -> None:
    (job,) = ingested["jobs"]
    run = up.glimpse("status", job, "--wait")
    assert run.returncode == 1
    assert run.stdout.startswith("partial: 5 of 5 done\n2 indexed, 0 duplicates, 3 failed\n")
    assert "  mixed/cold/broken.jpg: truncated: " in run.stdout
    view = json.loads(up.glimpse("status", job, "--json").stdout)
    assert (view["id"], view["state"], view["failed"]) == (job, "partial", 3)


def test_a_job_that_was_never_issued_is_refused(up: GlimpseUp) -> None:
    run = up.glimpse("status", "0" * 32)
    assert run.returncode == 3
    assert run.stdout == ""
    assert run.stderr.startswith("Error: The server refused (not_found): ")


def test_a_search_for_nothing_is_refused(up: GlimpseUp) -> None:
    run = up.glimpse("search", " ")
    assert run.returncode == 3
    assert "unprocessable" in run.stderr


def test_what_was_ingested_is_listed_and_deleted(up: GlimpseUp, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), "lime").save(tmp_path / "lime.png")
    assert up.glimpse("ingest", str(tmp_path / "lime.png"), "--tag", "lime").returncode == 0
    newest = up.glimpse("jobs", "--limit", "1", "--json")
    (job,) = json.loads(newest.stdout)["jobs"]
    assert (job["state"], job["total"]) == ("succeeded", 1)
    listed = up.glimpse("images", "--tag", "lime")
    image_id, _, *others = listed.stdout.strip().split("\t")
    assert others[:3] == ["20x10", "lime.png", "lime"]
    deleted = up.glimpse("delete", image_id)
    assert (deleted.returncode, deleted.stdout) == (0, f"deleted {image_id}\n")
    again = up.glimpse("delete", image_id)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"There is no image {image_id}.\n"
    empty = up.glimpse("images", "--tag", "lime")
    assert (empty.returncode, empty.stdout) == (0, "")


def test_the_doctor_finds_no_errors(up: GlimpseUp) -> None:
    run = up.glimpse("doctor", "--data", str(up.data), "--json")
    found = {(each["part"], each["check"]): each for each in json.loads(run.stdout)}
    assert run.returncode == 0, run.stdout
    assert {part for part, _ in found} == {"redis", "workers", "blobs", "milvus", "api"}
    troubles = [each["check"] for each in found.values() if each["level"] != "ok"]
    # The machine may be busy, and its disk nearly full.
    assert set(troubles) <= {"latency", "space", "freshness of hashing"}
    assert up.glimpse("doctor", "--data", str(up.data)).stdout.count("\n") > len(found)
