"""Log lines: their fields, as text and as JSON."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

import pytest

from common.logs import context
from common.logs.context import bind, bind_process, bound, fields, release
from common.logs.formats import JsonFormatter, TextFormatter
from worker.decoders.threads import DecoderThreads


@pytest.fixture(autouse=True)
def _own_process() -> Iterator[None]:
    before = dict(context._of_process)
    yield
    context._of_process.clear()
    context._of_process.update(before)


def record(message: str, *args: object, error: bool = False) -> logging.LogRecord:
    info = sys.exc_info() if error else None
    return logging.LogRecord("worker.x", logging.WARNING, __file__, 1, message, args, info)


def test_fields_are_added_for_a_block_and_removed_after_it() -> None:
    with bound(request="r", tenant=None):
        with bound(task="t", request="other"):
            assert fields() == {"request": "other", "task": "t"}
        assert fields() == {"request": "r"}
    assert fields() == {}


def test_a_release_also_removes_what_was_bound_after_it() -> None:
    binding = bind(request="r")
    bind(tenant="acme")
    release(binding)
    assert fields() == {}


def test_a_pools_thread_has_the_fields_of_wrapped_work_only() -> None:
    with bound(task="t"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(copy_context().run, fields).result() == {"task": "t"}
        assert pool.submit(fields).result() == {}


def test_decoders_have_the_fields_of_their_tasks() -> None:
    seen: list[dict[str, str]] = []

    def forward(found: dict[str, str]) -> Future[None]:
        seen.append(found)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    decoders = DecoderThreads(1, forward)
    for image in ("a", "b"):
        with bound(image=image):
            decoders.submit(fields)
    decoders.close()
    assert seen == [{"image": "a"}, {"image": "b"}]


def test_fields_of_the_process_are_in_every_line() -> None:
    bind_process(worker="ingest@a.1")
    with bound(task="t"):
        assert fields() == {"worker": "ingest@a.1", "task": "t"}


def test_text_has_the_fields_that_the_message_lacks_after_it() -> None:
    with bound(request="4c1e", tenant="acme"):
        text = TextFormatter().format(record("catalog.deleted tenant=%s", "acme"))
    assert text.endswith(" WARNING worker.x catalog.deleted tenant=acme request=4c1e")
    assert TextFormatter().format(record("plain")).endswith(" WARNING worker.x plain")
    # A value that is part of another word is no field.
    with bound(tenant="a", task="t"):
        text = TextFormatter().format(record("task.expired name=catalog tenant=ab"))
    assert text.endswith(" worker.x task.expired name=catalog tenant=ab tenant=a task=t")


def test_json_has_the_event_the_fields_and_the_traceback_on_one_line() -> None:
    with bound(task="t"):
        try:
            int("two\nlines")
        except ValueError:
            text = JsonFormatter().format(record("ingest.retry code=%s\nx", "a", error=True))
    assert "\n" not in text
    line = json.loads(text)
    assert line["time"].endswith("Z")
    assert (line["level"], line["logger"], line["task"]) == ("warning", "worker.x", "t")
    assert (line["event"], line["message"]) == ("ingest.retry", "ingest.retry code=a\nx")
    assert line["error"].startswith("Traceback")


@pytest.mark.parametrize("message", ["Connected to redis://a", "no event here", "a.b: no"])
def test_other_messages_have_no_event(message: str) -> None:
    assert "event" not in json.loads(JsonFormatter().format(record(message)))
