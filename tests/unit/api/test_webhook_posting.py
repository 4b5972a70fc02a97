"""Requests to receivers that answer in every way, on real sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from api.webhooks.connecting import resolve
from api.webhooks.posting import NOT_ALLOWED, Poster, Reply
from tests.support.receiver import Receiver, raw, status

HERE = [ip_network("127.0.0.1/32")]
BODY, HEADERS = b'{"type": "job.finished"}', {"webhook-id": "f" * 32}
# Seconds for an answer that never comes.
SHORT_S = 0.4


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def post(url: str, timeout_s: float = 20) -> Reply:
    return Poster(HERE, timeout_s, resolve).post(url, BODY, HEADERS)


def test_a_message_arrives_as_it_is(receiver: Receiver) -> None:
    assert post(f"{receiver.url}?a=b") == Reply(204)
    (received,) = receiver.received
    assert (received.path, received.body, received.id) == ("/hook?a=b", BODY, "f" * 32)
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("code", [301, 302, 303, 304, 400, 404, 410, 429, 500, 503])
def test_only_success_is_success(receiver: Receiver, code: int) -> None:
    receiver.answers = [status(code, Location=receiver.url)]
    reply = post(receiver.url)
    assert (reply.status, reply.error) == (code, f"The receiver answered {code}.")
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("120", 120.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None), ("-5", None)],
)
def test_a_receiver_asks_for_a_pause(receiver: Receiver, text: str, expected: object) -> None:
    receiver.answers = [status(503, Retry_After=text)]
    assert post(receiver.url).retry_after_s == expected


@pytest.mark.parametrize("code", [307, 308])
def test_a_redirect_is_followed_with_the_same_message(receiver: Receiver, code: int) -> None:
    receiver.answers = [status(code, Location="/there"), status(200)]
    assert post(receiver.url) == Reply(200)
    assert [each.path for each in receiver.received] == ["/hook", "/there"]
    assert [each.body for each in receiver.received] == [BODY, BODY]
    assert receiver.ids == ["f" * 32] * 2


def test_redirects_are_bounded(receiver: Receiver) -> None:
    receiver.answers = [status(307, Location="/hook")]
    assert post(receiver.url).error == "It redirects more than 3 times."
    assert len(receiver.received) == 4


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "0.0.0.0", "10.0.0.1", "2130706434"])
def test_a_redirect_to_a_private_address_is_refused(receiver: Receiver, host: str) -> None:
    with Receiver(address="127.0.0.2") as private:
        receiver.answers = [status(307, Location=f"http://{host}:{private.port}/hook")]
        assert post(receiver.url) == Reply(error=NOT_ALLOWED)
        assert private.received == []


def test_a_redirect_to_no_url_is_refused(receiver: Receiver) -> None:
    receiver.answers = [status(307, Location="file:///etc/passwd")]
    assert (post(receiver.url).error or "").startswith("It redirects to where no webhook is sent")


# Each leads to 127.0.0.2, which is not allowed, as 127.0.0.1 is.
@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.2", "127.2", "127.0.2", "2130706434", "0x7f.0.0.2", "0x7f000002", "0177.0.0.2"),
        *("017700000002", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "[0:0:0:0:0:ffff:7f00:0002]"),
    ],
)
def test_no_spelling_of_a_private_address_is_reached(host: str) -> None:
    with Receiver(address="127.0.0.2") as private:
        assert post(f"http://{host}:{private.port}/hook") == Reply(error=NOT_ALLOWED)
        assert private.received == []


def test_a_name_is_resolved_once_and_its_checked_address_reached(receiver: Receiver) -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers.pop(0)

    url = f"http://rebinding.example:{receiver.port}/hook"
    with Receiver(address="127.0.0.2") as private:
        assert Poster(HERE, 20, rebinding).post(url, BODY, HEADERS) == Reply(204)
        assert private.received == []
    assert asked == ["rebinding.example"]
    assert receiver.received[0].headers["host"] == f"rebinding.example:{receiver.port}"


def test_a_name_with_one_private_address_is_refused(receiver: Receiver) -> None:
    poster = Poster(HERE, 20, lambda *_: ["127.0.0.1", "10.0.0.1"])
    assert poster.post(receiver.url, BODY, HEADERS) == Reply(error=NOT_ALLOWED)
    assert receiver.received == []


def test_the_next_address_is_tried(receiver: Receiver) -> None:
    allowed = [ip_network("127.0.0.0/8")]
    poster = Poster(allowed, 20, lambda *_: ["127.0.0.3", "127.0.0.1"])
    assert poster.post(receiver.url, BODY, HEADERS) == Reply(204)


def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(receiver.url) == Reply(204)


def test_nobody_answers() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert post(url).error == "No connection: Connection refused."


@pytest.mark.parametrize("name", ["no-such-name.invalid", "a..b", "a" * 64 + ".example"])
def test_an_unknown_name(name: str) -> None:
    reply = post(f"http://{name}/")
    assert reply.status is None
    assert (reply.error or "").startswith("No connection: ")


def test_garbage_is_no_answer(receiver: Receiver) -> None:
    receiver.answers = [raw(b"garbage\r\n\r\n")]
    assert post(receiver.url).error == "The answer is not valid HTTP."


LATE = f"No answer within {SHORT_S:g} s."
HEAD = b"HTTP/1.1 200 OK\r\n"


def test_a_silent_receiver_is_given_up(receiver: Receiver) -> None:
    receiver.answers = [lambda _: receiver.closing.wait() and None]
    assert post(receiver.url, SHORT_S).error == LATE


def test_a_receiver_that_trickles_its_head_is_given_up(receiver: Receiver) -> None:
    lines = [b"X: y\r\n"] * 1000
    receiver.answers = [raw(HEAD, *lines, pause=receiver.closing)]
    assert post(receiver.url, SHORT_S).error == LATE


def test_a_status_counts_however_slow_the_body_is(receiver: Receiver) -> None:
    head = HEAD + b"Content-Length: 1000\r\n\r\n"
    receiver.answers = [raw(head, *[b"x"] * 1000, pause=receiver.closing)]
    assert post(receiver.url, SHORT_S) == Reply(200)


def test_little_of_a_large_body_is_read(receiver: Receiver) -> None:
    sent = []

    def endless(handler: object) -> None:
        write = handler.wfile.write  # type: ignore[attr-defined]
        write(HEAD + b"\r\n")
        while len(sent) < 10_000:
            write(b"x" * 65_536)
            sent.append(1)

    receiver.answers = [endless]
    assert post(receiver.url) == Reply(200)
    # What the kernel buffers is written too.
    assert len(sent) < 1000


def test_a_silent_tls_handshake_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert post(url, SHORT_S).error == LATE


def test_a_certificate_must_be_that_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("hooks.example").configure_cert(server)
    poster = Poster(HERE, 20, lambda *_: ["127.0.0.1"])
    with Receiver(tls=server) as receiver:
        named = f"https://hooks.example:{receiver.port}/hook"
        other = f"https://other.example:{receiver.port}/hook"
        assert poster.post(named, BODY, HEADERS) == Reply(204)
        assert "CERTIFICATE_VERIFY_FAILED" in (poster.post(other, BODY, HEADERS).error or "")
        assert len(receiver.received) == 1
