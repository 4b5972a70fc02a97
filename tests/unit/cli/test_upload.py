"""Bulk upload, against the whole of Glimpse in one process and against failing servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from cli.bulk import hashing, missing, upload_requests
from cli.bulk.pictures import Picture, Unreadable, find_pictures
from cli.bulk.progress import UploadProgress
from cli.bulk.summary import Summary
from cli.bulk.upload import Upload
from cli.bulk.wanted import Wanted
from cli.ingest import hint_to_resume
from common.settings import load_settings
from glimpse_client.errors import RequestRefused
from tests.support.inline import Inline, start_inline
from tests.support.pictures import image_id, picture
from tests.support.troubled import Answer, TakesAll, TroubledServer


@pytest.fixture
def server(inline: Inline) -> TroubledServer:
    return TroubledServer(httpx.WSGITransport(inline.app))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with six different pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, colour in enumerate(("red", "green", "blue", "white", "black", "gold")):
        (folder / f"{n}.png").write_bytes(picture(colour))
    return folder


@pytest.fixture
def _each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_requests, "_PICTURES_MAX", 1)


def send(
    server: TroubledServer, *paths: Path, connections: int = 2, wanted: Wanted | None = None
) -> Summary:
    with server.client() as client:
        return Upload(client, connections, wanted or Wanted()).run(find_pictures(paths, []))


def counts(summary: Summary) -> tuple[int, int, int]:
    return summary.indexed, summary.duplicates, summary.failed


def ids(folder: Path) -> list[str]:
    return [image_id(file.read_bytes()) for file in folder.iterdir()]


def failures(summary: Summary) -> set[tuple[str, str | None]]:
    return {(item.filename, item.code) for item in summary.failures}


def test_all_is_sent_once_and_then_known(server: TroubledServer, folder: Path) -> None:
    summary = send(server, folder)
    assert (counts(summary), summary.sent, summary.known) == ((6, 0, 0), 6, 0)
    assert len(server.uploads) == 1
    summary = send(server, folder)
    assert (counts(summary), summary.sent, summary.known) == ((0, 6, 0), 0, 6)
    assert len(server.uploads) == 1


def test_only_what_is_missing_is_sent(server: TroubledServer, folder: Path) -> None:
    send(server, folder / "0.png", folder / "3.png")
    summary = send(server, folder)
    assert (counts(summary), summary.sent, summary.known) == ((4, 2, 0), 4, 2)
    assert [name in server.uploads[1] for name in (b"0.png", b"1.png", b"3.png")] == [
        False,
        True,
        False,
    ]


def test_a_renamed_file_is_sent_again_for_its_name(
    server: TroubledServer, folder: Path, inline: Inline
) -> None:
    send(server, folder)
    (folder / "0.png").rename(folder / "zero.png")
    (folder / "2.png").rename(folder / "two.png")
    for wanted, changed, sent in [(Wanted(on_duplicate="keep"), 0, 0), (Wanted(), 2, 2)]:
        summary = send(server, folder, wanted=wanted)
        assert (counts(summary), summary.changed, summary.sent) == ((0, 6, 0), changed, sent)
    names = [image.earlier_filenames for image in inline.store.page("default", 100)[0]]
    assert sorted(name for each in names for name in each) == ["photos/two.png", "photos/zero.png"]
    assert send(server, folder).sent == 0


def tagged(inline: Inline, tag: str) -> int:
    return len(inline.store.page("default", 100, tag=tag)[0])


def test_known_pictures_are_tagged_without_being_sent(
    server: TroubledServer, folder: Path, inline: Inline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_requests, "_IDS_MAX", 2)
    send(server, folder / "0.png", folder / "1.png", folder / "2.png")
    for changed in (3, 0):
        summary = send(server, folder, wanted=Wanted(["holiday"]))
        assert (summary.changed, summary.failed, tagged(inline, "holiday")) == (changed, 0, 6)
    assert [upload.count(b"filename=") for upload in server.uploads] == [3, 3]


def test_known_pictures_are_kept_if_asked(
    server: TroubledServer, folder: Path, inline: Inline
) -> None:
    send(server, folder / "0.png")
    summary = send(server, folder, wanted=Wanted(["holiday"], "keep"))
    assert (counts(summary), summary.changed, tagged(inline, "holiday")) == ((5, 1, 0), 0, 5)


def test_known_pictures_are_sent_again_to_be_replaced(
    server: TroubledServer, folder: Path, inline: Inline
) -> None:
    send(server, folder, wanted=Wanted(["old"]))
    summary = send(server, folder, wanted=Wanted(["new"], "replace"))
    assert (counts(summary), summary.changed, summary.sent) == ((0, 6, 0), 6, 6)
    assert (tagged(inline, "old"), tagged(inline, "new")) == (0, 6)


def test_the_same_bytes_are_sent_once(server: TroubledServer, folder: Path) -> None:
    (folder / "again.png").write_bytes(picture("red"))
    summary = send(server, folder)
    assert (counts(summary), summary.sent) == ((6, 1, 0), 6)
    assert server.uploads[0].count(picture("red")) == 1


def test_a_copy_of_what_failed_has_failed_too(server: TroubledServer, folder: Path) -> None:
    for name in ("a.png", "b.png"):
        (folder / name).write_text("no picture")
    summary = send(server, folder)
    assert counts(summary) == (6, 0, 2)
    assert failures(summary) == {(f"photos/{name}.png", "not_an_image") for name in "ab"}


def test_a_file_that_vanishes_is_listed_and_stops_nothing(
    server: TroubledServer, folder: Path
) -> None:
    server.on_check = (folder / "3.png").unlink
    (folder / "lost.png").symlink_to("nowhere")
    summary = send(server, folder)
    assert (counts(summary), summary.sent) == ((5, 0, 2), 5)
    assert failures(summary) == {("photos/3.png", "unreadable"), ("photos/lost.png", "unreadable")}


def test_a_copy_is_sent_where_the_first_file_vanishes(server: TroubledServer, folder: Path) -> None:
    for name in ("again.png", "more.png"):
        (folder / name).write_bytes(picture("red"))
    server.on_check = (folder / "0.png").unlink
    summary = send(server, folder)
    assert counts(summary) == (6, 1, 1)
    assert failures(summary) == {("photos/0.png", "unreadable")}
    assert b"again.png" in server.uploads[-1]


def test_where_all_files_vanish_nothing_is_sent(server: TroubledServer, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    server.on_check = (tmp_path / "a.png").unlink
    summary = send(server, tmp_path)
    assert (counts(summary), summary.jobs, server.uploads) == ((0, 0, 1), [], [])


def test_what_was_unreadable_before_is_listed_too(server: TroubledServer, folder: Path) -> None:
    unreadable = [Unreadable("photos/private", "Permission denied")]
    with server.client() as client:
        summary = Upload(client, unreadable=unreadable).run(find_pictures([folder], unreadable))
    assert counts(summary) == (6, 0, 1)


@pytest.mark.usefixtures("_each_alone")
def test_connections_are_used_at_the_same_time(server: TroubledServer, folder: Path) -> None:
    meeting = threading.Barrier(3)

    def meet(_: int, answer: Answer) -> httpx.Response:
        # The barrier breaks unless three requests are in progress at the same time.
        meeting.wait(timeout=60)
        return answer()

    server.on_upload = meet
    assert counts(send(server, folder, connections=3)) == (6, 0, 0)


@pytest.mark.usefixtures("_each_alone")
def test_all_connections_wait_as_a_busy_server_asks(server: TroubledServer, folder: Path) -> None:
    refused = []

    def busy(number: int, answer: Answer) -> httpx.Response:
        if server.clock.at < 30:
            refused.append(number)
            problem = {"code": "overloaded", "detail": "Too much."}
            return httpx.Response(503, json=problem, headers={"Retry-After": "30"})
        return answer()

    server.on_upload = busy
    assert counts(send(server, folder, connections=3)) == (6, 0, 0)
    assert 1 <= len(refused) <= 3
    assert len(server.uploads) == 6 + len(refused)
    assert [str(error) for error in server.said] == ["The server refused (overloaded): Too much."]


@pytest.mark.usefixtures("_each_alone")
@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ReadError, httpx.WriteError])
def test_a_server_that_is_restarted_is_waited_for(
    server: TroubledServer, folder: Path, fault: type[httpx.TransportError]
) -> None:
    def restart(number: int, answer: Answer) -> httpx.Response:
        if number in (2, 3, 5):
            raise fault("It broke off.")
        return answer()

    server.on_upload = restart
    assert counts(send(server, folder)) == (6, 0, 0)
    assert len(server.uploads) == 9
    assert len(server.said) == 1


def test_an_answer_that_got_lost_is_had_again(
    server: TroubledServer, inline: Inline, folder: Path
) -> None:
    def lose(number: int, answer: Answer) -> httpx.Response:
        answered = answer()
        if number == 1:
            raise httpx.ReadError("It broke off.")
        return answered

    server.on_upload = lose
    # The retry returns the first try's job; a new job would consist of duplicates.
    assert counts(send(server, folder)) == (6, 0, 0)
    assert inline.store.count() == 6


def test_a_server_that_takes_less_gets_less(server: TroubledServer, tmp_path: Path) -> None:
    # The test server accepts 20 parts per request.
    for n in range(50):
        (tmp_path / f"{n}.png").write_bytes(picture(f"#0000{n:02x}"))
    summary = send(server, tmp_path)
    assert (counts(summary), summary.sent) == ((50, 0, 0), 50)


def test_a_picture_too_large_for_any_request_fails_alone(
    server: TroubledServer, folder: Path
) -> None:
    # The test server accepts a million bytes per request.
    (folder / "huge.bmp").write_bytes(bytes(1_500_000))
    summary = send(server, folder)
    assert (counts(summary), summary.sent) == ((6, 0, 1), 6)
    (failure,) = summary.failures
    assert (failure.filename, failure.code) == ("photos/huge.bmp", "too_large")
    assert failure.id == image_id(bytes(1_500_000))


@pytest.mark.usefixtures("_each_alone")
def test_a_refusal_ends_the_upload(server: TroubledServer, folder: Path) -> None:
    def refuse(number: int, answer: Answer) -> httpx.Response:
        if number < 3:
            return answer()
        return httpx.Response(403, json={"code": "forbidden", "detail": "The key may not."})

    server.on_upload = refuse
    with server.client() as client:
        upload = Upload(client, connections=1)
        with pytest.raises(RequestRefused, match="forbidden"):
            upload.run(find_pictures([folder], []))
        assert upload.accepted == 2
    assert len(server.uploads) == 3


@pytest.mark.usefixtures("_each_alone")
def test_an_interrupted_upload_is_resumed_in_its_job(server: TroubledServer, folder: Path) -> None:
    def refuse(number: int, answer: Answer) -> httpx.Response:
        if number < 3:
            return answer()
        return httpx.Response(403, json={"code": "forbidden", "detail": "The key may not."})

    (folder / "again.png").write_bytes(picture("red"))
    server.on_upload = refuse
    with server.client() as client:
        first = Upload(client, connections=1, name="Crete")
        with pytest.raises(RequestRefused, match="forbidden"):
            first.run(find_pictures([folder], []))
        server.on_upload = lambda _, answer: answer()
        summary = Upload(client, name="Crete").run(find_pictures([folder], []))
        assert (counts(summary), summary.sent, summary.known) == ((6, 1, 0), 4, 1)
        assert [job.id for job in summary.jobs] == first.unfinished
        assert client.find_open_job("Crete") is None


@pytest.mark.usefixtures("_each_alone")
def test_what_was_deleted_or_renamed_meanwhile_is_sent_in_another_job(
    server: TroubledServer, folder: Path, inline: Inline
) -> None:
    def refuse(number: int, answer: Answer) -> httpx.Response:
        return httpx.Response(403, json={"code": "forbidden"}) if number == 4 else answer()

    server.on_upload = refuse
    with server.client() as client:
        first = Upload(client, connections=1, name="Crete")
        with pytest.raises(RequestRefused):
            first.run(find_pictures([folder], []))
        client.delete(image_id(picture("red")))
        (folder / "1.png").rename(folder / "one.png")
        summary = Upload(client, connections=1, name="Crete").run(find_pictures([folder], []))
        assert client.find_open_job("Crete") is None
    assert (summary.sent, summary.known, summary.changed) == (5, 0, 1)
    assert [job.id for job in summary.jobs][:1] == first.unfinished
    assert len(inline.store.get("default", ids(folder))) == 6
    (renamed,) = inline.store.get("default", [image_id(picture("green"))])
    assert renamed.earlier_filenames == ["photos/one.png"]


@pytest.mark.usefixtures("_each_alone")
def test_the_resumed_job_replaces_as_the_first_run_said(
    server: TroubledServer, folder: Path, inline: Inline
) -> None:
    send(server, folder, wanted=Wanted(["old"]))

    def refuse(number: int, answer: Answer) -> httpx.Response:
        return httpx.Response(403, json={"code": "forbidden"}) if number == 9 else answer()

    server.on_upload = refuse
    with server.client() as client:
        wanted = Wanted(["new"], "replace")
        with pytest.raises(RequestRefused):
            Upload(client, 1, wanted, name="Crete").run(find_pictures([folder], []))
        summary = Upload(client, 1, wanted, name="Crete").run(find_pictures([folder], []))
    assert (counts(summary), summary.changed, summary.sent) == ((0, 6, 0), 6, 4)
    assert {tuple(image.tags) for image in inline.store.get("default", ids(folder))} == {("new",)}


@pytest.mark.usefixtures("_each_alone")
@pytest.mark.parametrize("sent", [0, 2])
def test_a_job_that_was_cancelled_meanwhile_ends_the_upload(
    server: TroubledServer, folder: Path, sent: int
) -> None:
    def cancel(number: int, answer: Answer) -> httpx.Response:
        if number == sent + 1:
            client.cancel(next(client.jobs()).id)
        return answer()

    server.on_upload = cancel
    with server.client() as client:
        summary = Upload(client, connections=1).run(find_pictures([folder], []))
    assert (counts(summary), summary.sent, len(summary.jobs)) == ((sent, 0, 0), sent, 1)
    assert summary.is_cancelled
    assert len(server.uploads) == sent + 1


@pytest.mark.usefixtures("_each_alone")
def test_a_job_that_was_closed_meanwhile_is_followed_by_another(
    server: TroubledServer, inline: Inline, folder: Path
) -> None:
    def close(number: int, answer: Answer) -> httpx.Response:
        if number == 3:
            inline.app.extensions["glimpse"].jobs.close_idle(-60)
        return answer()

    server.on_upload = close
    summary = send(server, folder)
    assert (counts(summary), summary.sent, len(summary.jobs)) == ((6, 0, 0), 6, 2)


def interrupt_once_sent(server: TroubledServer, folder: Path) -> Upload:
    """Interrupt an upload whose pictures have all been sent, and return it."""

    def interrupt(_: UploadProgress) -> None:
        if upload.is_complete:
            raise KeyboardInterrupt

    with server.client() as client:
        # Only what is to be replaced is sent without a check, which needs a worker.
        upload = Upload(client, wanted=Wanted((), "replace"), name="Crete")
        with pytest.raises(KeyboardInterrupt), hint_to_resume(upload):
            upload.run(find_pictures([folder], []), on_progress=interrupt)
    return upload


@pytest.fixture
def idle() -> Iterator[Inline]:
    """A Glimpse without workers, whose jobs never end."""
    idle = start_inline(load_settings({}), workers=False)
    yield idle
    idle.close()


@pytest.fixture
def idle_server(idle: Inline) -> TroubledServer:
    return TroubledServer(httpx.WSGITransport(idle.app))


def test_an_interrupted_upload_that_was_sent_is_followed_rather_than_resumed(
    idle_server: TroubledServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upload = interrupt_once_sent(idle_server, folder)
    error = capsys.readouterr().err
    assert f"To follow them, run `glimpse status {upload.unfinished[0]} --wait`." in error
    assert "Run the same command again" not in error


def test_an_upload_that_was_sent_is_followed_by_the_next_run(
    idle_server: TroubledServer, folder: Path
) -> None:
    first = interrupt_once_sent(idle_server, folder)
    again = interrupt_once_sent(idle_server, folder)
    assert (again.unfinished, again.accepted) == (first.unfinished, 0)
    (folder / "new.png").write_bytes(picture("pink"))
    grown = interrupt_once_sent(idle_server, folder)
    assert (grown.unfinished[:1], len(grown.unfinished), grown.accepted) == (first.unfinished, 2, 1)
    with idle_server.client() as client:
        assert [job.total for job in client.jobs()] == [1, 6]


def test_a_cancelled_upload_is_sent_again_while_a_worker_still_has_a_picture(
    idle_server: TroubledServer, idle: Inline, folder: Path
) -> None:
    (cancelled,) = interrupt_once_sent(idle_server, folder).unfinished
    idle.app.extensions["glimpse"].jobs.begin(cancelled, [0])
    with idle_server.client() as client:
        job = client.cancel(cancelled)
    assert (job.state, job.cancelled) == ("running", 5)
    again = interrupt_once_sent(idle_server, folder)
    assert (again.accepted, cancelled in again.unfinished) == (6, False)


def test_progress_is_told(server: TroubledServer, folder: Path) -> None:
    seen = []
    with server.client() as client:
        Upload(client).run(
            find_pictures([folder], []),
            on_progress=lambda p: seen.append((p.hashed, p.to_send, p.sent, p.total, p.done)),
        )
    assert seen[-1] == (6, 6, 6, 6, 6)
    assert all(before <= after for before, after in pairwise(seen))


def test_a_great_many_pictures_are_never_in_memory_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((hashing, "_AHEAD"), (missing, "_IDS_MIN"), (missing, "_IDS_MAX")):
        monkeypatch.setattr(module, name, 10)
    monkeypatch.setattr(upload_requests, "_PICTURES_MAX", 10)
    taken = 0
    distances = []

    def many() -> Iterator[Picture]:
        nonlocal taken
        for taken in range(1, 1001):
            file = tmp_path / f"{taken}.jpg"
            file.write_text(str(taken))
            yield Picture(file, file.name)

    def measure(number: int, answer: Answer) -> httpx.Response:
        distances.append(taken - number * 10)
        return answer()

    server = TroubledServer(httpx.MockTransport(TakesAll()))
    server.on_upload = measure
    with server.client() as client:
        summary = Upload(client, connections=2).run(many())
    assert (summary.indexed, summary.sent) == (1000, 1000)
    # Pictures hashed ahead, checked, packed, and in two requests ready for each connection.
    assert max(distances) <= 10 + 10 + 10 + 4 * 10
