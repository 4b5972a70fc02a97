"""The parts' output: complete lines, each prefixed with its part's name."""

from __future__ import annotations

import functools
import json

from cli.stack.log import Lines, Log


def stream(log: Log, name: str = "api") -> Lines:
    return Lines(functools.partial(log.line, name))


def test_lines_are_whole_and_aligned_however_they_arrive() -> None:
    lines: list[str] = []
    log = Log(["api", "valkey"], lines.append)
    out, err = stream(log), stream(log)
    out.feed(b"one\ntw")
    err.feed(b"err\n")
    out.feed(b"o\r\nthr")
    assert [plain(line) for line in lines] == ["api    | one", "api    | err", "api    | two"]
    for each in (out, err):
        each.flush()
    assert [plain(line) for line in lines[3:]] == ["api    | thr"]


def test_a_letter_cut_in_two_is_put_together() -> None:
    lines: list[str] = []
    output = stream(Log(["api"], lines.append))
    start, end = "ü\n".encode()[:1], "ü\n".encode()[1:]
    output.feed(start)
    output.feed(end)
    output.feed(b"\xff\n")
    assert [plain(line) for line in lines] == ["api | ü", "api | \N{REPLACEMENT CHARACTER}"]


def test_a_line_that_never_ends_is_shown_in_pieces() -> None:
    lines: list[str] = []
    output = stream(Log(["api"], lines.append))
    for _ in range(3):
        output.feed(b"x" * 40_000)
    assert [len(plain(line)) for line in lines] == [80_000 + len("api | ")]


def test_the_tail_keeps_the_last_lines_of_each_part() -> None:
    log = Log(["api", "valkey"], lambda _: None)
    for number in range(100):
        log.line("api", f"line {number}")
    log.line("valkey", "ready")
    assert log.tail("api").startswith("\n  line 88\n")
    assert log.tail("api").endswith("\n  line 99")
    assert log.tail("valkey") == "\n  ready"


def test_the_tail_keeps_the_error_that_a_part_reported() -> None:
    log = Log(["api"], lambda _: None)
    log.line("api", "invalid_settings: GLIMPSE_X is wrong.")
    assert log.tail("api") == "\n  invalid_settings: GLIMPSE_X is wrong."
    for number in range(100):
        log.line("api", f"nanobind: leaked {number}")
    assert log.tail("api").startswith("\n  invalid_settings: GLIMPSE_X is wrong.\n  nanobind")


def plain(line: str) -> str:
    import click

    return click.unstyle(line)


def test_as_json_every_line_names_its_part() -> None:
    shown: list[str] = []
    log = Log(["api", "redis"], shown.append, as_json=True)
    log.line("api", '{"level": "info", "message": "ready"}')
    for text in ("* Ready to accept connections", "[1]", '{"cut'):
        log.line("redis", text)
    assert [json.loads(line) for line in shown] == [
        {"part": "api", "level": "info", "message": "ready"},
        *(
            {"part": "redis", "message": text}
            for text in ("* Ready to accept connections", "[1]", '{"cut')
        ),
    ]
