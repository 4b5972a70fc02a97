"""Archives among the uploaded files."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from cli.bulk import follow, upload
from cli.bulk.archives import divide
from cli.bulk.pictures import find_pictures
from cli.bulk.summary import Summary
from cli.bulk.upload import Upload
from tests.support.pictures import picture
from tests.support.troubled import TakesAll, TroubledServer, job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an archive and a picture."""
    (tmp_path / "all.zip").write_bytes(b"PK")
    (tmp_path / "a.png").write_bytes(picture())
    return tmp_path


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_ROUND_S", 0.01)
    monkeypatch.setattr(upload, "_REPORT_S", 0.01)


def failures(summary: Summary) -> set[tuple[str, str | None]]:
    return {(item.filename, item.code) for item in summary.failures}


@pytest.mark.usefixtures("_quick")
def test_an_archive_is_followed_until_its_job_has_ended(folder: Path) -> None:
    # In the second answer every image found so far is done, but the archive is not yet read.
    looks = iter([("running", 0, 0), ("running", 5, 5), ("running", 9, 8), ("succeeded", 9, 9)])

    others_taken = TakesAll()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers.get("Content-Type") == "application/zip":
            return httpx.Response(202, json=job("zip", "queued"), headers={"Retry-After": "0"})
        if request.url.path == "/v1/jobs/zip":
            return httpx.Response(200, json=job("zip", *next(looks)), headers={"Retry-After": "0"})
        return others_taken(request)

    archives, others = divide(folder.iterdir())
    with TroubledServer(httpx.MockTransport(answer)).client() as client:
        summary = Upload(client).run(find_pictures(others, []), archives)
    assert (summary.indexed, summary.failed, summary.sent, len(summary.jobs)) == (10, 0, 2, 2)
    assert next(looks, None) is None


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(413, json={"code": "too_large", "detail": "No."}), "too_large"),
        (httpx.Response(422, json={"code": "unprocessable", "detail": "No."}), "unprocessable"),
        (httpx.Response(202, json=job("a", "failed")), "job_failed"),
    ],
)
def test_an_archive_that_cannot_be_used_fails_alone(
    folder: Path, answer: httpx.Response, code: str
) -> None:
    others_taken = TakesAll()

    def answers(request: httpx.Request) -> httpx.Response:
        is_archive = request.headers.get("Content-Type") == "application/zip"
        return answer if is_archive else others_taken(request)

    archives, others = divide(folder.iterdir())
    with TroubledServer(httpx.MockTransport(answers)).client() as client:
        summary = Upload(client).run(find_pictures(others, []), archives)
    assert (summary.indexed, failures(summary)) == (1, {("all.zip", code)})


def test_an_archive_that_vanishes_fails_alone(folder: Path) -> None:
    archives, others = divide(folder.iterdir())
    (folder / "all.zip").unlink()
    with TroubledServer(httpx.MockTransport(TakesAll())).client() as client:
        summary = Upload(client).run(find_pictures(others, []), archives)
    assert (summary.indexed, failures(summary)) == (1, {("all.zip", "unreadable")})
