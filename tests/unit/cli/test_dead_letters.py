"""`glimpse dead-letters` and `glimpse cancel` against the whole API."""

from __future__ import annotations

import io
import json
import time

import pytest

from cli.main import run
from common.dead_letters.base import DeadLetter
from common.jobs.base import Job
from tests.support.inline import Inline
from tests.support.pictures import image_id, picture

RED = picture("red")
ID, GONE = image_id(RED), "0" * 64


@pytest.fixture(autouse=True)
def _two_letters(server: Inline) -> None:
    server.app.test_client().post("/v1/images", data={"file": (io.BytesIO(RED), "red.png")})
    server.app.extensions["glimpse"].dead_letters.put([letter(ID, 2.0), letter(GONE, 1.0)])


def letter(image: str, at: float) -> DeadLetter:
    return DeadLetter(
        tenant="default",
        id=image,
        filename=f"{image[:4]}.png",
        code="encoder_error",
        detail="The model failed on it.",
        attempts=1,
        job_id="1" * 32,
        at=at,
        tags=[],
        metadata={},
    )


def failed(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["dead-letters", *arguments])
    assert ended.value.code == 1


def listed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert run(["dead-letters", "list"]) == 0
    return [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]


def test_letters_are_listed_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == [ID, GONE]
    assert run(["dead-letters", "list", "--json", "--limit", "1"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["dead_letters"]
    assert (shown["id"], shown["code"], shown["attempts"]) == (ID, "encoder_error", 1)


def test_letters_are_replayed_each_in_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dead-letters", "replay", ID, ID]) == 0
    ((image, job_id),) = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert image == ID
    assert run(["status", job_id]) == 0
    assert listed(capsys) == [GONE]


def test_a_letter_without_bytes_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    failed("replay", GONE, ID)
    captured = capsys.readouterr()
    assert captured.err.startswith(f"{GONE}: ")
    assert captured.out.startswith(ID)
    assert listed(capsys) == [GONE]


def test_letters_are_forgotten_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dead-letters", "forget", ID, GONE]) == 0
    assert listed(capsys) == []
    failed("forget", ID)
    assert capsys.readouterr().err == f"There is no dead letter {ID}.\n"


@pytest.mark.parametrize("command", ["replay", "forget"])
def test_what_is_no_id_does_nothing(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dead-letters", command, ID, "red.png"]) == 2
    assert "'red.png' is not an image ID" in capsys.readouterr().err
    assert listed(capsys) == [ID, GONE]


def test_a_job_is_cancelled(server: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = server.app.extensions["glimpse"].jobs
    job = Job("3" * 32, "default", 2, created_at=time.time())
    jobs.create(job, [(GONE, "a.png")] * 2)
    jobs.accept(job.id)
    assert run(["cancel", job.id]) == 0
    assert capsys.readouterr().out == "cancelled: 2 of 2 done, 2 cancelled\n"
    assert run(["cancel", "4" * 32]) == 3
