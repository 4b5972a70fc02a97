"""Request heads as they arrive: complete, unreadable, too long or too late."""

from __future__ import annotations

import pytest
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine

from api.server.request_head import HEAD_BYTES_MAX, RequestHead
from tests.support.clock import Clock

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def head(clock: Clock) -> RequestHead:
    return RequestHead(within_s=10, now=clock.now)


def test_it_is_whole_at_its_empty_line_and_not_before(head: RequestHead) -> None:
    for byte in HEAD[:-1]:
        head.take(bytes([byte]))
        assert not head.is_whole
    head.take(HEAD[-1:])
    assert head.is_whole
    assert head.data == HEAD


def test_what_follows_it_is_kept(head: RequestHead) -> None:
    head.take(HEAD + b"a body")
    assert head.is_whole
    assert head.data == HEAD + b"a body"


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\n", b"\n", b"GET / HTTP/1.1\r\na: b\n"])
def test_what_is_no_head_is_not_waited_for(head: RequestHead, data: bytes) -> None:
    head.take(data)
    assert head.is_whole


def test_it_is_late_once_its_time_is_up_whatever_comes(head: RequestHead, clock: Clock) -> None:
    clock.sleep(9)
    head.take(HEAD[:-1])
    assert not head.is_late
    clock.sleep(1)
    assert head.is_late
    assert head.has_begun
    head.take(HEAD[-1:])
    assert not head.is_late


def test_nothing_is_no_beginning(head: RequestHead) -> None:
    head.take(b"")
    assert not head.has_begun


def test_a_line_without_an_end_is_refused(head: RequestHead) -> None:
    head.take(b"a" * HEAD_BYTES_MAX)
    with pytest.raises(LimitRequestLine):
        head.take(b"a")


def test_headers_without_an_end_are_refused(head: RequestHead) -> None:
    head.take(b"GET / HTTP/1.1\r\n")
    with pytest.raises(LimitRequestHeaders):
        head.take(b"a" * HEAD_BYTES_MAX)
