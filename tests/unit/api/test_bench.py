"""The API's benchmark: the requests it sends, how it parses answers, and its figures."""

from __future__ import annotations

import itertools
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.test import EnvironBuilder

from benchmarks.api.connection import BadAnswer, Connection, is_whole
from benchmarks.api.rates import rate_figures
from benchmarks.api.requests import PICTURE_BYTES, QUESTIONS, picture, read_requests
from common.images.formats import sniff

WHOLE = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 4\r\n\r\nbody"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "picture.jpg"
    path.write_bytes(picture())
    return path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def after(server: socket.socket, connection: Connection, data: bytes) -> float | None:
    """Send part of an answer; return the result of ``receive`` once it has arrived."""
    server.sendall(data)
    assert select.select([connection], [], [], 10)[0]
    return connection.receive()


def body_of(request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    return body


def test_the_picture_is_a_real_one_of_the_size_that_is_named(photo: Path) -> None:
    assert len(photo.read_bytes()) + 8 == PICTURE_BYTES
    with Image.open(photo) as image:
        image.load()
        assert image.format == "JPEG"


def test_each_upload_has_bytes_of_its_own(photo: Path) -> None:
    sent = itertools.islice(read_requests("body", "", photo, first=0), 50)
    bodies = {body_of(request) for request in sent}
    assert len(bodies) == 50
    assert {(sniff(body), len(body)) for body in bodies} == {("JPEG", PICTURE_BYTES)}


def test_a_form_has_the_picture_in_a_part_named_file(photo: Path) -> None:
    request = next(read_requests("form", "", photo, first=7))
    head = request.partition(b"\r\n\r\n")[0].decode()
    kind = head.partition("Content-Type: ")[2].partition("\r\n")[0]
    built = EnvironBuilder(method="POST", data=body_of(request), content_type=kind).get_request()
    assert list(built.files) == ["file"]
    with built.files["file"].stream as sent:
        assert sent.read() == photo.read_bytes() + (7).to_bytes(8)


def test_a_job_is_polled_again_and_again(photo: Path) -> None:
    first, second = itertools.islice(read_requests("poll", "f" * 32, photo, first=0), 2)
    assert first == second
    assert first.startswith(b"GET /v1/jobs/" + b"f" * 32 + b" HTTP/1.1\r\n")


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_an_answer_is_whole_with_its_last_byte(length: int) -> None:
    assert not is_whole(WHOLE[:length])
    assert is_whole(WHOLE)


def test_an_answer_that_comes_in_pieces_is_one(listener: socket.socket) -> None:
    connection = Connection(listener.getsockname(), 200)
    server, _ = listener.accept()
    connection.ask(b"GET / HTTP/1.1\r\n\r\n")
    assert server.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
    assert connection.receive() is None
    for byte in WHOLE[:-1]:
        assert after(server, connection, bytes([byte])) is None
    assert isinstance(after(server, connection, WHOLE[-1:]), float)
    connection.close()
    server.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 Service Unavailable\r\n", b""])
def test_another_answer_than_the_one_asked_for_ends_the_measure(
    listener: socket.socket, answer: bytes
) -> None:
    connection = Connection(listener.getsockname(), 202)
    server, _ = listener.accept()
    server.sendall(answer)
    server.close()
    assert select.select([connection], [], [], 10)[0]
    with pytest.raises(BadAnswer, match="503" if answer else "closed"):
        connection.receive()
    connection.close()


def measured(per_s: float) -> dict[str, object]:
    glimpse = {
        "per_s": per_s,
        "p50_ms": 10.0,
        "p99_ms": 50.0,
        "cpu_ms": {"api": 0.6, "valkey": 0.2, "client": 0.2},
    }
    bare = {"per_s": 4000.0, "p50_ms": 5.0, "p99_ms": 20.0, "cpu_ms": {"api": 0.4, "client": 0.1}}
    return {question: {"glimpse": glimpse, "bare": bare} for question in QUESTIONS}


def test_rates_stand_beside_their_goals() -> None:
    rounds = [measured(rate) | {"others_cores": 0.1} for rate in (1000.0, 2000.0, 9000.0)]
    found = {figure.name: figure for figure in rate_figures(rounds)}
    polls = found["GET /v1/jobs/{id}"]
    assert (polls.value, polls.at_least, polls.within_bound) == (2000.0, 1500.0, True)
    assert found["POST /v1/images, form"].at_least == 250.0
    assert found["others on the machine"].value == 0.1


def test_costs_are_told_by_part_and_with_the_client_left_out() -> None:
    figures = rate_figures([measured(2000.0) | {"others_cores": 0.0}])
    found = {figure.name: figure.value for figure in figures}
    assert len(found) == len(figures)
    of = "POST /v1/images, body: "
    assert found[of + "p99"] == 50.0
    assert found[of + "glimpse / bare"] == 0.5
    assert found[of + "processor time, api"] == 0.6
    assert found[of + "processor time, bare"] == 0.4
    assert found[of + "glimpse / bare, by processor time"] == pytest.approx(1.5)
    assert found[of + "the client's share of it"] == pytest.approx(20.0)
    assert found[of + "two cores with no client"] == pytest.approx(2500.0)
