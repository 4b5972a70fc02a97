"""The client against a server that answers in every way that a server may."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from flask import Flask, Response, jsonify, request

from cli.bulk.archives import divide
from cli.client import Client
from cli.errors import FileUnreadable, RequestRefused, ServerUnreachable
from cli.pictures import Picture, find_pictures
from cli.query import Query
from cli.retry import Patience
from tests.clock import Clock

JOB = {"state": "running", "total": 2, "indexed": 0, "duplicates": 0, "failed": 0, "cancelled": 0}


@pytest.fixture
def server() -> Flask:
    """A server of the test's own, which answers in ways that the real one seldom does."""
    return Flask("server")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(server: Flask, clock: Clock) -> Client:
    patience = Patience(60, now=clock.now, sleep=clock.sleep)
    transport = httpx.WSGITransport(server)
    return Client("http://glimpse.test", "secret", patience, transport)


def pictures(*paths: Path) -> list[Picture]:
    return list(find_pictures(paths, []))


def problem(status: int, code: str, retry_after: str | None = None) -> Response:
    body = json.dumps({"code": code, "detail": "Because."})
    response = Response(body, status, mimetype="application/problem+json")
    if retry_after is not None:
        response.headers["Retry-After"] = retry_after
    return response


def twice_busy(last: Callable[[], Response]) -> Callable[[], Response]:
    answers = iter([problem(503, "overloaded", "9"), problem(429, "rate_limit", "4")])
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
    look = client.upload(pictures(tmp_path / "1.jpg", tmp_path / "ü.png"))
    assert (look.job.id, look.job.total, look.job.ended, look.pause_s) == ("j1", 2, False, 1)
    assert seen == {
        "key": "Bearer secret",
        "files": {"1.jpg": b"1.jpg", "ü.png": "ü.png".encode()},
    }


def test_a_busy_server_is_asked_again_with_the_whole_body(
    server: Flask, client: Client, clock: Clock, tmp_path: Path
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
    assert client.upload(pictures(tmp_path)).job.id == "j2"
    assert sizes == [100_000] * 3
    assert clock.slept == [9, 4]


def test_a_server_that_stays_busy_is_given_up(server: Flask, client: Client, clock: Clock) -> None:
    server.get("/v1/jobs/1")(lambda: problem(503, "broker_unavailable", "25"))
    with pytest.raises(RequestRefused) as refusal:
        client.job("1")
    assert (refusal.value.status, refusal.value.reason) == (503, "broker_unavailable")
    assert clock.slept == [25, 25]


def test_a_job_says_when_to_look_again(server: Flask, client: Client) -> None:
    @server.get("/v1/jobs/<job_id>")
    def show(job_id: str) -> Response:
        headers = {"Retry-After": "12"} if job_id == "slow" else {}
        return jsonify(JOB | {"id": job_id}), 200, headers

    assert [client.look(job).pause_s for job in ("slow", "quick")] == [12, 1]


def test_tags_are_sent_as_metadata(server: Flask, client: Client, tmp_path: Path) -> None:
    seen = []

    @server.post("/v1/images")
    def upload() -> Response:
        seen.append(request.form.to_dict())
        return jsonify(JOB | {"id": "j1"})

    (tmp_path / "1.jpg").write_bytes(b"x")
    client.upload(pictures(tmp_path), ["dog", "white"])
    client.upload(pictures(tmp_path))
    assert seen == [{"metadata": '{"tags": ["dog", "white"]}'}, {}]


def test_an_archive_is_sent_as_it_is(
    server: Flask, client: Client, clock: Clock, tmp_path: Path
) -> None:
    seen = []
    answer = twice_busy(lambda: jsonify(JOB | {"id": "j1"}))

    @server.post("/v1/images")
    def upload() -> Response:
        length = request.content_length
        seen.append((request.mimetype, request.args["filename"], length, request.get_data()))
        return answer()

    file = tmp_path / "all of it.tar.gz"
    file.write_bytes(b"x" * 200_000)
    ((archive,), _) = divide([file])
    assert client.upload_archive(archive).job.id == "j1"
    assert seen == [("application/gzip", "all of it.tar.gz", 200_000, b"x" * 200_000)] * 3
    assert clock.slept == [9, 4]


def test_a_file_that_is_gone_voids_its_request(
    server: Flask, client: Client, tmp_path: Path
) -> None:
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"x")
    found = pictures(tmp_path)
    (tmp_path / "2.jpg").unlink()
    with pytest.raises(FileUnreadable) as error:
        client.upload(found)
    assert error.value.path == tmp_path / "2.jpg"


def test_known_images_are_asked_for(server: Flask, client: Client) -> None:
    server.post("/v1/images/check")(lambda: jsonify(known=request.json["ids"][:1], missing=[]))
    assert client.known(["a", "b"]) == {"a"}


def test_a_connection_that_breaks_is_made_again(clock: Clock, tmp_path: Path) -> None:
    """Whatever happens to the connection, once the server had answered."""
    faults: list[type[httpx.TransportError]] = [
        httpx.ConnectError,
        httpx.ReadError,
        httpx.RemoteProtocolError,
        httpx.WriteTimeout,
    ]
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            bodies.append(len(request.content))
            if len(bodies) <= len(faults):
                raise faults[len(bodies) - 1]("It broke.")
        return httpx.Response(200, json=JOB | {"id": "j1"})

    (tmp_path / "1.jpg").write_bytes(b"x" * 100_000)
    patience = Patience(60, now=clock.now, sleep=clock.sleep)
    client = Client(patience=patience, transport=httpx.MockTransport(answer))
    client.job("1")
    assert client.upload(pictures(tmp_path)).job.id == "j1"
    assert len(bodies) == 5
    assert min(bodies) > 100_000
    assert clock.slept == [1, 2, 4, 8]


def test_a_server_that_refuses_before_it_has_read_the_body_is_understood(
    clock: Clock, tmp_path: Path
) -> None:
    """It answers and closes the connection while the client still sends."""
    body = b'{"code": "overloaded", "detail": "Too much."}'
    head = b"HTTP/1.1 503 Busy\r\nRetry-After: 70\r\nConnection: close\r\nContent-Length: "
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(head + b"%d\r\n\r\n" % len(body) + body)

    (tmp_path / "1.jpg").write_bytes(bytes(20_000_000))
    patience = Patience(60, now=clock.now, sleep=clock.sleep)
    thread = threading.Thread(target=refuse)
    thread.start()
    with listener, Client(f"http://127.0.0.1:{listener.getsockname()[1]}", "", patience) as client:
        with pytest.raises(RequestRefused, match="overloaded") as refusal:
            client.upload(pictures(tmp_path))
        thread.join()
    assert refusal.value.retry_after_s == 70


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
    found = client.search(Query("a dog", 3))
    assert [(hit.rank, hit.score, hit.filename) for hit in found.hits] == [(1, 0.5, "dog.jpg")]


def test_a_search_that_failed_is_an_error(server: Flask, client: Client) -> None:
    error = {"code": "store_unavailable", "detail": "Milvus is away."}
    server.post("/v1/searches")(lambda: jsonify(id="s1", state="failed", error=error))
    with pytest.raises(RequestRefused, match="store_unavailable"):
        client.search(Query("a dog", 3))


def test_a_sheet_has_a_place_for_every_hit(server: Flask, client: Client) -> None:
    hits = [{"rank": n, "id": "0" * 64, "score": 0.1, "filename": "x"} for n in range(1, 13)]
    server.post("/v1/searches")(lambda: jsonify(id="s1", state="succeeded", hits=hits))

    @server.get("/v1/searches/s1/contact-sheet.png")
    def sheet() -> Response:
        return Response(f"{request.args['columns']}x{request.args['rows']}")

    assert client.contact_sheet(client.search(Query("x", 12))) == b"5x3"


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
