"""Client sockets: data that passes, and clients that time out."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator

import pytest

from api.server.client_socket import Bounds, ClientSocket
from api.server.thread_pool import ThreadPool
from common.errors import RequestTimeout

# More bytes than the kernel's buffers hold.
MUCH = 16 * 1024**2
# Seconds after which a test's thread counts as hanging.
HANGS_AFTER_S = 30.0


@pytest.fixture
def pair() -> Iterator[tuple[ClientSocket, socket.socket]]:
    """The server's and the client's end of a connection, with short timeouts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), timeout=HANGS_AFTER_S)
        accepted, _ = listener.accept()
    bounds = Bounds(head_s=0.05, silence_s=0.3, bytes_per_s_min=1024)
    with client, ClientSocket.of(accepted, bounds) as server:
        yield server, client


def read_all(client: socket.socket, into: bytearray) -> None:
    while data := client.recv(65536):
        into += data


def test_bytes_pass_both_ways(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, client = pair
    server.setblocking(True)
    received = bytearray()
    reader = threading.Thread(target=read_all, args=(client, received))
    reader.start()
    data = bytes(range(256)) * (MUCH // 256)
    server.sendall(data)
    server.shutdown(socket.SHUT_WR)
    reader.join(HANGS_AFTER_S)
    assert received == data
    client.sendall(b"abc")
    assert server.recv(100) == b"abc"
    client.close()
    assert server.recv(100) == b""


@pytest.mark.parametrize("timeout_s", [None, HANGS_AFTER_S])
def test_others_run_while_a_body_is_awaited(
    pair: tuple[ClientSocket, socket.socket], timeout_s: float | None
) -> None:
    server, client = pair
    server.bounds = Bounds(head_s=HANGS_AFTER_S, silence_s=HANGS_AFTER_S, bytes_per_s_min=1024)
    server.begin_request(lambda: None)
    server.settimeout(timeout_s)
    # One call runs at a time, so the second can only follow the first if that lets it run.
    pool = ThreadPool(threads_max=2, running_max=1, wait_s=3600)
    received = pool.submit(server.recv, 100)
    pool.submit(client.sendall, b"abc").result(HANGS_AFTER_S)
    assert received.result(HANGS_AFTER_S) == b"abc"
    pool.shutdown()


def test_a_silent_body_is_given_up_for_good(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, client = pair
    server.setblocking(True)
    late = []
    server.begin_request(lambda: late.append(True))
    with pytest.raises(RequestTimeout):
        server.recv(100)
    assert late == [True]
    # The next request starts with its full time.
    client.sendall(b"abc")
    server.begin_request(lambda: None)
    assert server.recv(100) == b"abc"


def test_a_reader_that_reads_nothing_is_given_up(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    server, _ = pair
    server.setblocking(True)
    with pytest.raises(BrokenPipeError):
        server.sendall(bytes(MUCH))
    assert not server.leave()


def test_a_time_out_of_somebody_else_goes_first(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    server, _ = pair
    server.settimeout(0.01)
    with pytest.raises(TimeoutError):
        server.recv(100)


def test_a_head_is_gathered_without_waiting(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, client = pair
    assert not server.receive_head()
    assert not server.has_begun
    assert not server.receive_head(b"GET / HT")
    assert server.has_begun
    client.close()
    # A closed connection ends the head, complete or not.
    assert server.receive_head()
    assert server.take_head() == b"GET / HT"
    assert not server.has_begun


def test_a_client_is_seen_off_once_it_has_closed(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    server, client = pair
    assert server.leave()
    assert server.is_leaving
    assert client.recv(1) == b""
    client.close()
    assert not server.leave()


def test_a_head_goes_with_its_body(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, client = pair
    server.setblocking(True)
    server.hold_head()
    # What precedes the response is not held.
    server.send(b"continue;")
    assert client.recv(100) == b"continue;"
    server.sendall(b"head;")
    assert select.select([client], [], [], 0)[0] == []
    server.sendall(b"body;")
    assert client.recv(100) == b"head;body;"
    server.sendall(b"more")
    server.send_held()
    server.shutdown(socket.SHUT_WR)
    assert client.recv(100) == b"more"
    assert client.recv(100) == b""


def test_a_head_without_a_body_is_sent_last(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, client = pair
    server.setblocking(True)
    server.hold_head()
    server.sendall(b"head")
    server.send_held()
    assert client.recv(100) == b"head"
