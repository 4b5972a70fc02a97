"""`glimpse bench` without a service: what is sent when, the figures, and what it refuses."""

from __future__ import annotations

import io
import json
from itertools import islice

import httpx
import pytest
from PIL import Image

from cli.bench import command
from cli.bench.pictures import generate_pictures, generate_texts
from cli.bench.plot import bar, plot
from cli.bench.report import Kind, Latency
from cli.bench.requests import UNANSWERED, Requests, Sample
from cli.main import run
from glimpse_client import Glimpse, RetryPolicy, SearchFailed, ServerUnreachable, Unavailable
from tests.support.inline import Inline
from tests.support.pictures import image_id


def test_pictures_are_jpegs_and_all_different() -> None:
    pictures = list(islice(generate_pictures("run"), 5))
    again = next(generate_pictures("run"))
    assert len({each.id for each in (*pictures, again)}) == 6
    assert pictures[0].filename == "run/1.jpg"
    for each in pictures:
        assert each.id == image_id(each.data)
        with Image.open(io.BytesIO(each.data)) as image:
            assert (image.format, image.size) == ("JPEG", (640, 480))


def test_texts_do_not_repeat_soon() -> None:
    assert len(set(islice(generate_texts(), 700))) == 700


def test_each_request_is_counted_with_its_code() -> None:
    def fail(error: Exception) -> None:
        raise error

    with Requests(2) as requests:
        requests.send(1.0, lambda: None)
        requests.send(2.0, lambda: fail(SearchFailed("store_error", "Milvus is gone.")))
        requests.send(3.0, lambda: fail(ServerUnreachable("gone")))
        requests.settle(60)
        samples = requests.samples()
    assert [(each.due_s, each.code) for each in samples] == [
        (1.0, None),
        (2.0, "store_error"),
        (3.0, "server_unreachable"),
    ]


def test_while_the_server_asks_to_wait_nothing_is_sent() -> None:
    sent = []

    def refused() -> None:
        sent.append("refused")
        raise Unavailable(503, "overloaded", "The backlog is too long.", retry_after_s=600)

    with Requests(1) as requests:
        requests.send(1.0, refused)
        requests.send(2.0, lambda: sent.append("hammered"))
        requests.settle(60)
        assert [each.code for each in requests.samples()] == ["overloaded", "overloaded"]
    assert sent == ["refused"]


def test_what_is_not_answered_is_counted() -> None:
    requests = Requests(1)
    requests.send(1.0, lambda: None)
    # Its thread was not started.
    requests.settle(0)
    (sample,) = requests.samples()
    assert sample.code == UNANSWERED


def test_percentiles_are_latencies_that_occurred() -> None:
    samples = [Sample(0, number / 1000) for number in range(1, 101)]
    assert Latency.of(samples) == Latency(p50=50, p95=95, p99=99, max=100)
    assert Latency.of(samples[:1]) == Latency(p50=1, p95=1, p99=1, max=1)
    assert Latency.of([]) is None


def test_rates_count_successes_until_the_last_answer() -> None:
    samples = [Sample(10, 11), Sample(11, 15), Sample(12, 12, "overloaded")]
    kind = Kind.of(samples, began_s=10, seconds=4)
    assert (kind.due, kind.succeeded, kind.per_s) == (3, 2, 0.4)
    assert kind.errors == {"overloaded": 1}
    assert Kind.of([], began_s=10, seconds=4).per_s == 0


def test_bars_are_shares() -> None:
    assert bar(8, 8, 2) == "██"
    assert bar(4, 8, 2) == "█"
    assert bar(1, 8, 1) == "▏"
    assert bar(0, 8, 2) == ""


def test_a_plot_has_the_highest_latency_of_each_moment() -> None:
    samples = [Sample(0, 0.5), Sample(1, 1.25), Sample(1, 2), Sample(3, 4, "overloaded")]
    assert plot(samples, 0, 4, width=4, height=2) == [
        "  1000 ms ┤ █  ",
        "          ┤██  ",
        "        0 └──── 4 s",
    ]
    assert plot(samples[3:], 0, 4, width=4, height=2) == []


def test_a_service_that_is_not_ready_is_refused(
    server: Inline, capsys: pytest.CaptureFixture[str]
) -> None:
    server.heartbeats.stop("ingest@test.1")
    assert run(["bench"]) == 3
    assert "not ready, so nothing was sent" in capsys.readouterr().err


def test_another_machine_is_not_loaded_without_asking(
    inline: Inline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def from_environ(retry_policy: RetryPolicy | None = None) -> Glimpse:
        return Glimpse(
            "http://pictures.example.org",
            retry_policy=retry_policy,
            transport=httpx.WSGITransport(inline.app),
        )

    monkeypatch.setattr(Glimpse, "from_environ", from_environ)
    assert run(["bench", "--seconds", "2", "--rate", "3"]) == 2
    error = capsys.readouterr().err
    assert "Upload 6 pictures to http://pictures.example.org within 2 s?" in error
    assert "--yes" in error


def test_a_machine_that_cannot_send_so_fast_says_so(
    server: Inline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The first request is due at once, and so is always a little late.
    monkeypatch.setattr(command, "_LATE_MS", 0)
    assert run(["bench", "--seconds", "1", "--rate", "3"]) == 0
    assert "ms late, which the latencies include. Lower --rate" in capsys.readouterr().err


class Undeletable(httpx.BaseTransport):
    """An app that cannot be reached by what deletes images."""

    def __init__(self, inline: Inline) -> None:
        self._app = httpx.WSGITransport(inline.app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE" and request.url.path.startswith("/v1/images/"):
            raise httpx.ConnectError("refused")
        return self._app.handle_request(request)


def test_pictures_that_cannot_be_deleted_are_counted_and_named(
    inline: Inline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def from_environ(retry_policy: RetryPolicy | None = None) -> Glimpse:
        # Without retries, which would take a minute.
        return Glimpse(
            "http://127.0.0.1", retry_policy=RetryPolicy(0), transport=Undeletable(inline)
        )

    monkeypatch.setattr(Glimpse, "from_environ", from_environ)
    with pytest.raises(SystemExit, match="1"):
        run(["bench", "--seconds", "1", "--rate", "4", "--json", "-"])
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report["searchable"]["succeeded"], report["left"]) == (4, 4)
    assert "4 pictures could not be deleted." in captured.err
    assert f"glimpse delete --tag {report['tag']}" in captured.err
