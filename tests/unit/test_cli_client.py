"""The client against a server that answers in every way that a server may."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from flask import Flask, Response, jsonify, request

from cli.client import Client
from cli.errors import RequestRefused, ServerUnreachable
from cli.pictures import find_pictures

JOB = {"state": "running", "total": 2, "indexed": 0, "duplicates": 0, "failed": 0, "cancelled": 0}


@pytest.fixture
def server() -> Flask:
    """A server of the test's own, which answers in ways that the real one seldom does."""
    return Flask("server")


@pytest.fixture
def client(server: Flask) -> Client:
    return Client("http://glimpse.test", "secret", transport=httpx.WSGITransport(server))


def problem(status: int, code: str, retry_after: str | None = None) -> Response:
    body = json.dumps({"code": code, "detail": "Because."})
    response = Response(body, status, mimetype="application/problem+json")
    if retry_after is not None:
        response.headers["Retry-After"] = retry_after
    return response


def twice_busy(last: Callable[[], Response]) -> Callable[[], Response]:
    answers = iter([problem(503, "overloaded", "0"), problem(429, "rate_limit", "0")])
    return lambda: next(answers, None) or last()


def test_an_upload_sends_names_bytes_and_the_key(
    server: Flask, client: Client, tmp_path: Path
) -> None:
    seen = {}

    @server.post("/v1/images")
    def upload() -> Response:
        seen["key"] = request.headers["Authorization"]
        seen["files"] = {f.filename: f.read() for f in request.files.getlist("file")}
        return jsonify(JOB | {"id": "j1"})

    for name in ("1.jpg", "ü.png"):
        (tmp_path / name).write_bytes(name.encode())
    job = client.upload(find_pictures([tmp_path / "1.jpg", tmp_path / "ü.png"]))
    assert (job.id, job.total, job.ended) == ("j1", 2, False)
    assert seen == {
        "key": "Bearer secret",
        "files": {"1.jpg": b"1.jpg", "ü.png": "ü.png".encode()},
    }


def test_a_busy_server_is_asked_again_with_the_whole_body(
    server: Flask, client: Client, tmp_path: Path
) -> None:
    sizes = []

    def accept() -> Response:
        return jsonify(JOB | {"id": "j2"})

    answer = twice_busy(accept)

    @server.post("/v1/images")
    def upload() -> Response:
        sizes.append(len(request.files["file"].read()))
        return answer()

    (tmp_path / "1.jpg").write_bytes(b"x" * 100_000)
    assert client.upload(find_pictures([tmp_path])).id == "j2"
    assert sizes == [100_000] * 3


def test_a_server_that_stays_busy_is_given_up(server: Flask) -> None:
    pauses: list[float] = []
    server.get("/v1/jobs/1")(lambda: problem(503, "broker_unavailable", "0.02"))
    transport = httpx.WSGITransport(server)
    client = Client(patience_s=0.05, on_pause=pauses.append, transport=transport)
    with pytest.raises(RequestRefused) as refusal:
        client.job("1")
    assert (refusal.value.status, refusal.value.reason) == (503, "broker_unavailable")
    assert pauses == [0.02, 0.02]


def test_an_error_carries_the_servers_code_and_sentence(server: Flask, client: Client) -> None:
    server.get("/v1/jobs/1")(lambda: problem(404, "not_found"))
    with pytest.raises(RequestRefused, match=r"The server refused \(not_found\): Because\."):
        client.job("1")


def test_an_answer_that_is_no_problem_document_is_an_error_too(
    server: Flask, client: Client
) -> None:
    server.get("/v1/jobs/1")(lambda: Response("<html>", 502))
    with pytest.raises(RequestRefused) as refusal:
        client.job("1")
    assert refusal.value.reason == "http_502"


def test_failures_are_read_page_by_page(server: Flask, client: Client) -> None:
    pages = {
        None: {"items": [item("a")], "next_cursor": "7"},
        "7": {"items": [item("b")], "next_cursor": None},
    }

    @server.get("/v1/jobs/<job>/items")
    def items(job: str) -> Response:
        assert request.args["state"] == "failed"
        return jsonify(pages[request.args.get("cursor")])

    assert [failure.filename for failure in client.failures("1")] == ["a", "b"]


def test_a_search_that_takes_longer_is_asked_for_again(server: Flask, client: Client) -> None:
    hit = {"rank": 1, "id": "0" * 64, "score": 0.5, "filename": "dog.jpg", "tags": []}

    @server.post("/v1/searches")
    def create() -> Response:
        assert request.json == {"text": "a dog", "top_k": 3}
        assert request.headers["Prefer"] == "wait=30"
        return jsonify(id="s1", state="running")

    server.get("/v1/searches/s1")(lambda: jsonify(id="s1", state="succeeded", hits=[hit]))
    found = client.search("a dog", 3)
    assert [(hit.rank, hit.score, hit.filename) for hit in found.hits] == [(1, 0.5, "dog.jpg")]


def test_a_search_that_failed_is_an_error(server: Flask, client: Client) -> None:
    error = {"code": "store_unavailable", "detail": "Milvus is away."}
    server.post("/v1/searches")(lambda: jsonify(id="s1", state="failed", error=error))
    with pytest.raises(RequestRefused, match="store_unavailable"):
        client.search("a dog", 3)


def test_a_sheet_has_a_place_for_every_hit(server: Flask, client: Client) -> None:
    hits = [{"rank": n, "id": "0" * 64, "score": 0.1, "filename": "x"} for n in range(1, 13)]
    server.post("/v1/searches")(lambda: jsonify(id="s1", state="succeeded", hits=hits))

    @server.get("/v1/searches/s1/contact-sheet.png")
    def sheet() -> Response:
        return Response(f"{request.args['columns']}x{request.args['rows']}")

    assert client.contact_sheet(client.search("x", 12)) == b"5x3"


def test_readiness_names_what_is_awaited(server: Flask, client: Client) -> None:
    answers = iter([problem(503, "not_ready"), Response("{}")])
    server.get("/readyz")(lambda: next(answers))
    assert client.awaited() == "Because."
    assert client.awaited() == ""


def test_where_nothing_listens_the_message_says_what_to_do() -> None:
    # Port 1 of loopback is nobody's.
    with pytest.raises(ServerUnreachable, match="glimpse up"):
        Client("http://127.0.0.1:1").job("1")


def test_a_server_of_another_kind_is_told_from_glimpse(server: Flask, client: Client) -> None:
    server.get("/v1/jobs/1")(lambda: Response("<html>Welcome!</html>"))
    with pytest.raises(ServerUnreachable, match="no Glimpse"):
        client.job("1")


@pytest.mark.parametrize("url", ["localhost:8000", "http://[", "http://x:port"])
def test_an_address_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIMPSE_URL", url)
    with pytest.raises(ServerUnreachable, match="GLIMPSE_URL"):
        Client.from_environ()


def item(filename: str) -> dict[str, str]:
    return {"id": "0" * 64, "filename": filename, "state": "failed", "code": "x", "detail": "y"}
