"""The client against a server that gives every kind of answer."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from flask import Flask, Response, jsonify, redirect, request

from common import loopback
from glimpse_client import (
    FileUnreadable,
    Glimpse,
    InvalidAddress,
    InvalidHeader,
    InvalidId,
    JobUnfinished,
    NotAllowed,
    NotThere,
    RequestRefused,
    RetryPolicy,
    SearchFailed,
    ServerUnreachable,
    Source,
    Unavailable,
    connection,
)
from tests.support.clock import Clock

JOB = {"state": "running", "total": 2, "indexed": 0, "duplicates": 0, "failed": 0, "cancelled": 0}


@pytest.fixture
def server() -> Flask:
    """A test server for answers that the real one rarely gives."""
    return Flask("server")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(server: Flask, clock: Clock) -> Glimpse:
    policy = RetryPolicy(60, now=clock.now, sleep=clock.sleep)
    transport = httpx.WSGITransport(server)
    return Glimpse("http://glimpse.test", "secret", policy, transport)


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
    server: Flask, client: Glimpse, tmp_path: Path
) -> None:
    seen = {}

    @server.post("/v1/images")
    def upload() -> Response:
        seen["key"] = request.headers["Authorization"]
        seen["files"] = {f.filename: f.read() for f in request.files.getlist("file")}
        return jsonify(JOB | {"id": "j1"})

    for name in ("1.jpg", "ü.png"):
        (tmp_path / name).write_bytes(name.encode())
    job = client.upload(str(tmp_path / "1.jpg"), tmp_path / "ü.png", ("a/b.gif", b"b.gif"))
    assert (job.id, job.total, job.ended) == ("j1", 2, False)
    assert seen == {
        "key": "Bearer secret",
        "files": {"1.jpg": b"1.jpg", "ü.png": "ü.png".encode(), "a/b.gif": b"b.gif"},
    }


def test_an_upload_says_what_to_do_with_duplicates(server: Flask, client: Glimpse) -> None:
    seen = []

    @server.post("/v1/images")
    def upload() -> Response:
        seen.append(dict(request.args))
        return jsonify(JOB | {"id": "j1", "duplicates": 2, "changed": 1})

    assert client.upload(("1.jpg", b"1"), on_duplicate="replace").changed == 1
    client.upload_archive(("1.zip", b"1"), on_duplicate="keep")
    client.upload(("1.jpg", b"1"))
    assert seen == [
        {"on_duplicate": "replace"},
        {"filename": "1.zip", "on_duplicate": "keep"},
        {},
    ]


def test_a_busy_server_is_asked_again_with_the_whole_body(
    server: Flask, client: Glimpse, clock: Clock, tmp_path: Path
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
    assert client.upload(tmp_path / "1.jpg").id == "j2"
    assert sizes == [100_000] * 3
    assert clock.slept == [9, 4]


def test_a_server_that_stays_busy_is_given_up(server: Flask, client: Glimpse, clock: Clock) -> None:
    server.get("/v1/jobs/1")(lambda: problem(503, "broker_unavailable", "25"))
    with pytest.raises(RequestRefused) as refusal:
        client.job("1")
    assert (refusal.value.status, refusal.value.code) == (503, "broker_unavailable")
    assert clock.slept == [25, 25]


def test_a_job_says_when_to_look_again(server: Flask, client: Glimpse) -> None:
    @server.get("/v1/jobs/<job_id>")
    def show(job_id: str) -> Response:
        headers = {"Retry-After": "12"} if job_id == "slow" else {}
        return jsonify(JOB | {"id": job_id}), 200, headers

    assert [client.look(job).pause_s for job in ("slow", "quick")] == [12, 1]


def test_tags_are_sent_as_metadata(server: Flask, client: Glimpse, tmp_path: Path) -> None:
    seen = []

    @server.post("/v1/images")
    def upload() -> Response:
        seen.append(request.form.to_dict())
        return jsonify(JOB | {"id": "j1"})

    (tmp_path / "1.jpg").write_bytes(b"x")
    client.upload(tmp_path / "1.jpg", tags=["dog", "white"])
    client.upload(tmp_path / "1.jpg", tags="dog")
    client.upload(tmp_path / "1.jpg", metadata={"album": "x"})
    client.upload(tmp_path / "1.jpg")
    metadata = ['{"tags": ["dog", "white"]}', '{"tags": ["dog"]}', '{"album": "x"}']
    assert seen == [*({"metadata": text} for text in metadata), {}]


def test_an_archive_is_sent_as_it_is(
    server: Flask, client: Glimpse, clock: Clock, tmp_path: Path
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
    assert client.upload_archive(file).id == "j1"
    assert seen == [("application/gzip", "all of it.tar.gz", 200_000, b"x" * 200_000)] * 3
    assert clock.slept == [9, 4]


def test_a_file_that_is_gone_voids_its_request(
    server: Flask, client: Glimpse, tmp_path: Path
) -> None:
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "2.jpg").unlink()
    with pytest.raises(FileUnreadable) as error:
        client.upload(tmp_path / "1.jpg", tmp_path / "2.jpg")
    assert error.value.path == tmp_path / "2.jpg"


def test_known_images_are_asked_for(server: Flask, client: Glimpse) -> None:
    @server.post("/v1/images/check")
    def check() -> Response:
        *known, missing = request.json["ids"]
        return jsonify(known=known, missing=[missing], renamed=request.json.get("filenames", []))

    found = client.check(["a", "b"])
    assert (found.known, found.missing, found.renamed) == (("a",), ("b",), ())
    assert client.check(["a", "b"], ["a.jpg", "b.jpg"]).renamed == ("a.jpg", "b.jpg")


def test_a_connection_that_breaks_is_made_again(clock: Clock, tmp_path: Path) -> None:
    """The client retries every connection error once the server has answered before."""
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
    policy = RetryPolicy(60, now=clock.now, sleep=clock.sleep)
    client = Glimpse(retry_policy=policy, transport=httpx.MockTransport(answer))
    client.job("1")
    assert client.upload(tmp_path / "1.jpg").id == "j1"
    assert len(bodies) == 5
    assert min(bodies) > 100_000
    assert clock.slept == [1, 2, 4, 8]


def test_a_server_that_refuses_before_it_has_read_the_body_is_understood(
    clock: Clock, tmp_path: Path
) -> None:
    """The server answers and closes the connection while the client is still sending."""
    body = b'{"code": "overloaded", "detail": "Too much."}'
    head = b"HTTP/1.1 503 Busy\r\nRetry-After: 70\r\nConnection: close\r\nContent-Length: "
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(head + b"%d\r\n\r\n" % len(body) + body)

    (tmp_path / "1.jpg").write_bytes(bytes(20_000_000))
    policy = RetryPolicy(60, now=clock.now, sleep=clock.sleep)
    thread = threading.Thread(target=refuse)
    thread.start()
    with listener, Glimpse(f"http://127.0.0.1:{listener.getsockname()[1]}", "", policy) as client:
        with pytest.raises(RequestRefused, match="overloaded") as refusal:
            client.upload(tmp_path / "1.jpg")
        thread.join()
    assert refusal.value.retry_after_s == 70


def test_an_error_carries_the_servers_code_and_sentence(server: Flask, client: Glimpse) -> None:
    server.get("/v1/jobs/1")(lambda: problem(404, "not_found"))
    with pytest.raises(RequestRefused, match=r"The server refused \(not_found\): Because\."):
        client.job("1")


def test_an_answer_that_is_no_problem_document_is_an_error_too(
    server: Flask, client: Glimpse
) -> None:
    server.get("/v1/jobs/1")(lambda: Response("<html>", 502))
    with pytest.raises(RequestRefused) as refusal:
        client.job("1")
    assert refusal.value.code == "http_502"


def test_failures_are_read_page_by_page(server: Flask, client: Glimpse) -> None:
    pages = {
        None: {"items": [item("a")], "next_cursor": "7"},
        "7": {"items": [item("b")], "next_cursor": None},
    }

    @server.get("/v1/jobs/<job>/items")
    def items(job: str) -> Response:
        assert request.args["state"] == "failed"
        return jsonify(pages[request.args.get("cursor")])

    assert [failure.filename for failure in client.items("1", state="failed")] == ["a", "b"]


def test_a_search_that_takes_longer_is_asked_for_again(server: Flask, client: Glimpse) -> None:
    hit = {"rank": 1, "id": "0" * 64, "score": 0.5, "filename": "dog.jpg", "tags": []}

    @server.post("/v1/searches")
    def create() -> Response:
        assert request.json == {"text": "a dog", "top_k": 3}
        assert request.headers["Prefer"] == "wait=30"
        return jsonify(id="s1", state="running")

    server.get("/v1/searches/s1")(lambda: jsonify(id="s1", state="succeeded", hits=[hit]))
    found = client.search("a dog", top_k=3)
    assert [(hit.rank, hit.score, hit.filename) for hit in found.hits] == [(1, 0.5, "dog.jpg")]


def test_a_search_that_failed_is_an_error(server: Flask, client: Glimpse) -> None:
    error = {"code": "store_unavailable", "detail": "Milvus is away."}
    server.post("/v1/searches")(lambda: jsonify(id="s1", state="failed", error=error))
    with pytest.raises(SearchFailed, match="Milvus is away") as failure:
        client.search("a dog")
    assert failure.value.code == "store_unavailable"


def test_a_sheet_has_a_place_for_every_hit(server: Flask, client: Glimpse) -> None:
    hits = [{"rank": n, "id": "0" * 64, "score": 0.1, "filename": "x"} for n in range(1, 13)]
    server.post("/v1/searches")(lambda: jsonify(id="s1", state="succeeded", hits=hits))

    @server.get("/v1/searches/s1/contact-sheet.png")
    def sheet() -> Response:
        drawn = f"{request.args['columns']}x{request.args['rows']}"
        return Response(drawn, mimetype="image/png")

    assert client.contact_sheet(client.search("x", top_k=12)) == b"5x3"


def test_readiness_names_what_is_awaited(server: Flask, client: Glimpse) -> None:
    answers = iter([problem(503, "not_ready"), Response("{}", mimetype="application/json")])
    server.get("/readyz")(lambda: next(answers))
    assert client.awaited() == "Because."
    assert client.awaited() == ""


def test_where_nothing_listens_the_message_says_what_to_do() -> None:
    # Nothing listens on port 1 of loopback.
    with pytest.raises(ServerUnreachable, match="glimpse up"):
        Glimpse("http://127.0.0.1:1").job("1")


def test_a_server_of_another_kind_is_told_from_glimpse(server: Flask, client: Glimpse) -> None:
    server.before_request(lambda: Response("<html>Welcome!</html>"))
    for call in (client.job, client.content, client.thumbnail, client.delete):
        with pytest.raises(ServerUnreachable, match="not one of Glimpse"):
            call("1")
    with pytest.raises(ServerUnreachable, match="not one of Glimpse"):
        client.awaited()


def test_a_redirect_says_where_the_server_is(server: Flask, client: Glimpse) -> None:
    server.before_request(lambda: redirect("https://glimpse.test/v1/jobs/1"))
    with pytest.raises(RequestRefused, match=r"redirects to https://glimpse\.test/v1/jobs/1"):
        client.job("1")


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_that_knows_none_of_the_paths_is_not_taken_for_glimpse(
    status: int, server: Flask, client: Glimpse
) -> None:
    server.before_request(lambda: Response("<html>Unknown</html>", status))
    with pytest.raises(RequestRefused, match="does not look like Glimpse"):
        client.job("1")
    with pytest.raises(RequestRefused, match="does not look like Glimpse"):
        client.delete("0" * 64)
    assert "does not look like Glimpse" in client.awaited()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "localhost", "10.0.0.1", "a.test", ""],
)
def test_client_and_service_agree_on_what_is_loopback(host: str) -> None:
    assert connection.is_loopback(host) == loopback.is_loopback(host)


@pytest.mark.parametrize(
    "url",
    [
        *("localhost:8000", "http://[", "http://x:port", "http://", "http://:8000"),
        *("http://x:65536", "http://x:0", "http://x?key=1", "http://x/#search"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIMPSE_URL", url)
    with pytest.raises(InvalidAddress, match="GLIMPSE_URL"):
        Glimpse()
    with pytest.raises(InvalidAddress, match="address"):
        Glimpse(url)


def test_address_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[httpx.Request] = []

    def answer(asked: httpx.Request) -> httpx.Response:
        sent.append(asked)
        return httpx.Response(404)

    monkeypatch.setenv("GLIMPSE_URL", "http://elsewhere.test")
    monkeypatch.setenv("GLIMPSE_API_KEY", "secret")
    for client in (
        Glimpse(transport=httpx.MockTransport(answer)),
        Glimpse("http://other.test", transport=httpx.MockTransport(answer)),
    ):
        with pytest.raises(NotThere):
            client.job("1")
    assert [asked.url.host for asked in sent] == ["elsewhere.test", "other.test"]
    # A server that is named does not get the key of another.
    assert [asked.headers.get("Authorization") for asked in sent] == ["Bearer secret", None]


@pytest.mark.parametrize("key", ["…", "a\nb", "a "])
def test_a_key_that_no_header_can_have_is_refused(
    key: str, client: Glimpse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIMPSE_API_KEY", key)
    for call in (
        Glimpse,
        lambda: Glimpse("http://glimpse.test", key),
        lambda: client.upload(("1.jpg", b"x"), idempotency_key=key),
        lambda: client.upload_archive(("1.zip", b"x"), media_type=key),
    ):
        with pytest.raises(InvalidHeader, match="cannot be sent"):
            call()


def item(filename: str) -> dict[str, str]:
    return {"id": "0" * 64, "filename": filename, "state": "failed", "code": "x", "detail": "y"}


def test_a_request_that_makes_a_job_keeps_its_key_over_all_tries(
    server: Flask, client: Glimpse
) -> None:
    keys = []
    answer = twice_busy(lambda: jsonify(JOB | {"id": "j1"}))

    def accept(**_: str) -> Response:
        keys.append(request.headers["Idempotency-Key"])
        return answer()

    server.post("/v1/images")(accept)
    server.post("/v1/dead-letters/<image>/replay", endpoint="replay")(accept)
    client.upload(("1.jpg", b"x"))
    client.upload(("1.jpg", b"x"))
    client.replay("0" * 64)
    client.upload(("1.jpg", b"x"), idempotency_key="mine")
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys)) == 4
    assert keys[5] == "mine"


def test_an_earlier_try_that_is_still_in_progress_is_waited_for(
    server: Flask, client: Glimpse, clock: Clock
) -> None:
    answers = iter(
        [problem(409, "idempotency_key_in_progress", "1"), jsonify_in(server, JOB | {"id": "j1"})]
    )
    server.post("/v1/images")(lambda: next(answers))
    assert client.upload(("1.jpg", b"x")).id == "j1"
    assert clock.slept == [1]


def test_a_file_that_changed_between_two_tries_is_another_upload(
    server: Flask, client: Glimpse
) -> None:
    keys = []
    answers = iter([problem(422, "idempotency_key_reused"), jsonify_in(server, JOB | {"id": "j1"})])

    @server.post("/v1/images")
    def upload() -> Response:
        keys.append(request.headers["Idempotency-Key"])
        return next(answers)

    assert client.upload(("1.jpg", b"x")).id == "j1"
    assert len(set(keys)) == 2


def test_a_key_of_the_callers_own_is_not_changed(server: Flask, client: Glimpse) -> None:
    server.post("/v1/images")(lambda: problem(422, "idempotency_key_reused"))
    with pytest.raises(RequestRefused) as refusal:
        client.upload(("1.jpg", b"x"), idempotency_key="mine")
    assert refusal.value.code == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, NotAllowed),
        (403, NotAllowed),
        (404, NotThere),
        (422, RequestRefused),
        (429, Unavailable),
        (503, Unavailable),
    ],
)
def test_errors_are_told_apart(
    server: Flask, client: Glimpse, status: int, kind: type[RequestRefused]
) -> None:
    def refuse() -> Response:
        response = problem(status, "because", "1000")
        response.headers["X-Request-ID"] = "r1"
        return response

    server.get("/v1/images/1")(refuse)
    with pytest.raises(RequestRefused) as refusal:
        client.image("1")
    error = refusal.value
    assert type(error) is kind
    assert (error.status, error.code, error.detail) == (status, "because", "Because.")
    assert (error.retry_after_s, error.request_id) == (1000, "r1")


def test_an_id_stays_in_its_place_in_the_path() -> None:
    asked = []

    def refuse(wanted: httpx.Request) -> httpx.Response:
        asked.append(wanted.url.raw_path.decode())
        return httpx.Response(404, json={"code": "not_found", "detail": "Because."})

    with Glimpse("http://glimpse.test", transport=httpx.MockTransport(refuse)) as client:
        assert not client.delete("../models?model=x")
        assert not client.forget("../images/x")
        for call in (client.content, client.cancel, client.complete, client.replay):
            with pytest.raises(NotThere):
                call("../jobs#x")
    assert asked == [
        "/v1/images/..%2Fmodels%3Fmodel%3Dx",
        "/v1/dead-letters/..%2Fimages%2Fx",
        "/v1/images/..%2Fjobs%23x/content",
        "/v1/jobs/..%2Fjobs%23x",
        "/v1/jobs/..%2Fjobs%23x/complete",
        "/v1/dead-letters/..%2Fjobs%23x/replay",
    ]


@pytest.mark.parametrize("wrong", ["", ".", ".."])
def test_what_cannot_be_one_part_of_a_path_is_no_id(wrong: str) -> None:
    with Glimpse("http://glimpse.test") as client:
        for call in (client.delete, client.content, client.cancel, client.replay):
            with pytest.raises(InvalidId, match="is no id"):
                call(wrong)


def test_a_job_is_named_by_itself_or_by_its_id(server: Flask, client: Glimpse) -> None:
    @server.route("/v1/jobs/j9", methods=["GET", "DELETE"])
    def answer() -> Response:
        return jsonify(JOB | {"id": "j9"})

    job = client.job("j9")
    assert (
        client.job(job) == client.look(job).job == client.cancel(job) == client.cancel("j9") == job
    )


def test_a_job_is_waited_for_as_the_server_says(
    server: Flask, client: Glimpse, clock: Clock
) -> None:
    ended = jsonify_in(server, JOB | {"id": "1", "state": "succeeded"})
    answers = iter([jsonify_in(server, JOB | {"id": "1"}, {"Retry-After": "7"}), ended])
    server.get("/v1/jobs/1")(lambda: next(answers))
    assert client.wait("1").state == "succeeded"
    assert clock.slept == [7]


def test_a_job_is_waited_for_so_long(server: Flask, client: Glimpse, clock: Clock) -> None:
    server.get("/v1/jobs/1")(lambda: (jsonify(JOB | {"id": "1"}), 200, {"Retry-After": "4"}))
    with pytest.raises(JobUnfinished, match="10 s"):
        client.wait(client.job("1"), timeout_s=10)
    assert clock.slept == [4, 4]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"text": "a"}, {"text": "a"}),
        ({"image_id": "1"}, {"image_id": "1"}),
        ({"text": "a", "image_id": "1"}, {"query": [{"text": "a"}, {"image_id": "1"}]}),
        (
            {"text": "a", "query": [{"text": "b", "weight": -1}]},
            {"query": [{"text": "a"}, {"text": "b", "weight": -1}]},
        ),
        (
            {"text": "a", "offset": 2, "min_score": 0.5, "group_duplicates": 0.9, "filter": {}},
            {"text": "a", "offset": 2, "min_score": 0.5, "group_duplicates": 0.9, "filter": {}},
        ),
    ],
)
def test_a_search_asks_for_what_is_given(
    server: Flask, client: Glimpse, given: dict[str, object], asked: dict[str, object]
) -> None:
    @server.post("/v1/searches")
    def create() -> Response:
        assert request.json == {"top_k": 10, **asked}
        return jsonify(id="s1", state="succeeded")

    assert client.search(**given).hits == ()  # type: ignore[arg-type]


def test_a_picture_is_searched_by_whatever_has_to_be_sent_again(
    server: Flask, client: Glimpse, tmp_path: Path
) -> None:
    answer = twice_busy(lambda: jsonify(id="s1", state="succeeded"))

    @server.post("/v1/searches")
    def create() -> Response:
        assert request.files["file"].read() == b"x" * 100_000
        assert json.loads(request.form["search"]) == {"top_k": 10}
        return answer()

    file = tmp_path / "1.jpg"
    file.write_bytes(b"x" * 100_000)
    assert client.search(picture=file).id == "s1"
    assert client.search(picture=("a.jpg", b"x" * 100_000)).id == "s1"


def test_pictures_are_embedded_however_often_they_have_to_be_sent(
    server: Flask, client: Glimpse, tmp_path: Path
) -> None:
    # 1.0 and -2.0 as little-endian float32.
    body = {"model": "m", "revision": "1", "dimension": 2, "embeddings": ["AACAPwAAAMA="]}
    answer = twice_busy(lambda: jsonify(body))

    @server.post("/v1/embeddings")
    def create() -> Response:
        assert request.files["file"].read() == b"x" * 100_000
        asked = {"inputs": [{"text": "a"}, {"image_id": "1"}], "encoding_format": "base64"}
        assert json.loads(request.form["embeddings"]) == asked
        return answer()

    file = tmp_path / "1.jpg"
    file.write_bytes(b"x" * 100_000)
    found = client.embed(["a"], image_ids=["1"], pictures=[file])
    assert found.embeddings == ((1.0, -2.0),)


@pytest.mark.parametrize("encoded", ["AACAPw", "AAA=", "no base64", [1.0]])
def test_what_is_no_embedding_is_no_answer_of_glimpse(
    server: Flask, client: Glimpse, encoded: object
) -> None:
    @server.post("/v1/embeddings")
    def create() -> Response:
        return jsonify(model="m", revision="1", dimension=1, embeddings=[encoded])

    with pytest.raises(ServerUnreachable):
        client.embed("a")


def test_a_name_that_is_no_utf8_is_sent_all_the_same(
    server: Flask, client: Glimpse, tmp_path: Path
) -> None:
    file = tmp_path / "caf\udce9.jpg"
    file.write_bytes(b"x")

    @server.post("/v1/images")
    def upload() -> Response:
        assert request.files["file"].filename == "caf\N{REPLACEMENT CHARACTER}.jpg"
        return jsonify(JOB | {"id": "j1"})

    assert client.upload(file).id == "j1"
    assert client.upload((file.name, file)).id == "j1"
    assert client.upload((file.name, b"x")).id == "j1"


@pytest.mark.parametrize("content", [b"x", bytearray(b"x"), memoryview(b"x")])
def test_bytes_of_any_kind_are_sent(
    content: bytes | bytearray | memoryview, server: Flask, client: Glimpse
) -> None:
    @server.post("/v1/images")
    def upload() -> Response:
        assert request.files["file"].read() == b"x"
        return jsonify(JOB | {"id": "j1"})

    assert client.upload(("1.jpg", content)).id == "j1"


@pytest.mark.parametrize("source", [b"x", io.BytesIO(b"x"), ("1.jpg", io.BytesIO(b"x")), ["1.jpg"]])
def test_what_is_no_picture_is_refused_in_words(source: Source, client: Glimpse) -> None:
    for call in (client.upload, client.upload_archive):
        with pytest.raises(TypeError, match=r"give a path, or a pair .*; not (bytes|BytesIO|list)"):
            call(source)
    with pytest.raises(TypeError, match="give a path"):
        client.search(picture=source)


def test_nothing_is_not_sent(client: Glimpse) -> None:
    with pytest.raises(ValueError, match="no picture"):
        client.upload()
    with pytest.raises(ValueError, match="nothing to embed"):
        client.embed()


def test_one_is_taken_where_several_may_be_given(
    server: Flask, client: Glimpse, tmp_path: Path
) -> None:
    seen: list[object] = []

    @server.post("/v1/embeddings")
    def embeddings() -> Response:
        seen.append((request.get_json(silent=True) or request.form or {}) and [*request.files])
        if request.is_json:
            seen.append(request.get_json()["inputs"])
        return jsonify(model="m", revision="1", dimension=0, embeddings=[])

    @server.post("/v1/images/check")
    def check() -> Response:
        seen.append(request.get_json())
        return jsonify(known=[])

    (tmp_path / "1.jpg").write_bytes(b"x")
    client.check("a" * 64)
    client.embed(image_ids="a" * 64)
    client.embed(pictures=tmp_path / "1.jpg")
    client.embed(pictures=str(tmp_path / "1.jpg"))
    client.embed(pictures=("1.jpg", b"x"))
    assert seen == [
        {"ids": ["a" * 64]},
        [],
        [{"image_id": "a" * 64}],
        *[["file"]] * 3,
    ]
    with pytest.raises(TypeError, match="mapping"):
        client.search(query="dog")  # type: ignore[arg-type]


def test_what_is_no_archive_is_not_sent_as_one(client: Glimpse) -> None:
    with pytest.raises(ValueError, match=r"dog\.jpg"):
        client.upload_archive("dog.jpg")


def jsonify_in(
    server: Flask, body: dict[str, object], headers: dict[str, str] | None = None
) -> Response:
    with server.app_context():
        response = jsonify(body)
    response.headers.update(headers or {})
    return response
