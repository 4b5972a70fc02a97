"""`glimpse models` and `glimpse reindex` against the whole API."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable

import pytest

from cli.main import run
from common.models.base import Switch
from common.reindex.base import ReindexState
from tests.support.inline import Inline
from tests.support.pictures import picture

ACTIVE, OTHER, THIRD = "hashing", "other", "third"

# Takes what is to happen while a command waits.
Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture(autouse=True)
def _other_model(server: Inline) -> None:
    server.app.test_client().post("/v1/images", data={"file": (io.BytesIO(picture("red")), "a")})
    server.add_model(OTHER)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Do something between two polls of a command, instead of waiting."""

    def set_up(happens: Callable[[], object]) -> None:
        for module in ("models", "reindex"):
            monkeypatch.setattr(f"cli.{module}.sleep", lambda _: happens())

    return set_up


def interrupt() -> None:
    raise KeyboardInterrupt


def failed(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 1


def end(server: Inline, state: ReindexState, detail: str | None = None) -> None:
    record = server.reindexes.get()
    assert record is not None
    server.reindexes.note(record.id, embedded=1, images=1, present=1)
    server.reindexes.end(record, state, time.time(), detail)


def test_models_are_listed_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in lines] == [[ACTIVE, "yes", "1"], [OTHER, "no", "0"]]
    assert lines[1][3:] == ["8", "1", "1", "1"]


def test_models_are_one_json_document(server: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    server.models.begin_switch(Switch(model=OTHER, state="running", at=time.time()))
    assert run(["models", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["active"], found["switch"]["model"]) == (ACTIVE, OTHER)
    assert [model["workers"] for model in found["models"]] == [{"ingest": 1, "search": 1}] * 2


def test_the_list_shows_a_switch_in_progress(
    server: Inline, capsys: pytest.CaptureFixture[str]
) -> None:
    server.models.begin_switch(Switch(model=OTHER, state="running", at=time.time()))
    assert run(["models", "list"]) == 0
    assert capsys.readouterr().err == f"A switch to {OTHER} is in progress.\n"


def test_no_models_are_said(server: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    server.collections.clear()
    assert run(["models", "list"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "No models found. Start a worker.\n")


def test_a_switch_is_awaited(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(lambda: server.models.activate(OTHER, time.time()))
    assert run(["models", "use", OTHER]) == 0
    assert capsys.readouterr().out == f"{OTHER} is the active model.\n"


def test_a_switch_to_the_active_model_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "use", ACTIVE]) == 0
    assert capsys.readouterr().out == f"{ACTIVE} is the active model.\n"


def test_a_refused_switch_says_why(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(lambda: server.models.refuse(OTHER, "It lacks images.", time.time()))
    failed("models", "use", OTHER)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("It lacks images.\n")


def test_a_switch_that_another_one_replaced_is_not_awaited(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    def replace() -> None:
        server.models.refuse(OTHER, "Called off.", time.time())
        server.models.begin_switch(Switch(model=THIRD, state="running", at=time.time()))

    meanwhile(replace)
    failed("models", "use", OTHER)
    assert "Another switch has replaced this one" in capsys.readouterr().err


def test_images_may_be_left_out(server: Inline, meanwhile: Meanwhile) -> None:
    def activate() -> None:
        switch = server.models.switch()
        assert switch is not None
        assert switch.allow_missing
        server.models.activate(OTHER, time.time())

    meanwhile(activate)
    assert run(["models", "use", OTHER, "--allow-missing"]) == 0


def test_a_switch_need_not_be_awaited(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(interrupt)
    assert run(["models", "use", OTHER, "--no-wait"]) == 0
    assert "`glimpse models list`" in capsys.readouterr().err
    switch = server.models.switch()
    assert switch is not None
    assert switch.state == "running"


def test_interrupted_a_switch_continues(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(interrupt)
    assert run(["models", "use", OTHER]) == 130
    assert "The switch continues; see `glimpse models list`." in capsys.readouterr().err
    switch = server.models.switch()
    assert switch is not None
    assert switch.state == "running"


@pytest.mark.parametrize("command", [["models", "use"], ["reindex", "--model"]], ids=" ".join)
def test_a_typing_error_is_refused_at_once(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "othre"]) == 3
    assert f"Models with workers: {ACTIVE}, {OTHER}." in capsys.readouterr().err


def test_a_collection_is_dropped_once(server: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    server.add_model(THIRD, workers=[])
    assert run(["models", "drop", THIRD, "--yes"]) == 0
    assert capsys.readouterr().out == f"dropped {THIRD}\n"
    failed("models", "drop", THIRD, "--yes")
    assert "has no collection. See `glimpse models list`." in capsys.readouterr().err


def test_a_collection_in_use_is_not_dropped(
    server: Inline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "drop", ACTIVE, "--yes"]) == 3
    assert "(model_active)" in capsys.readouterr().err
    assert run(["models", "drop", OTHER, "--yes"]) == 3
    assert "(model_has_workers)" in capsys.readouterr().err
    assert OTHER in server.collections


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 130), ("", 130)])
def test_a_drop_asks_first(
    answer: str, status: int, server: Inline, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_model(THIRD, workers=[])
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert run(["models", "drop", THIRD]) == status
    assert (THIRD in server.collections) == (status != 0)


def test_a_reindex_is_followed_to_its_end(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(lambda: end(server, "complete"))
    assert run(["reindex", "--model", OTHER]) == 0
    captured = capsys.readouterr()
    counts = f"complete: {OTHER} has 1 of 1 images (1 embedded, 0 failed)\n"
    assert captured.out == counts
    assert f"`glimpse models use {OTHER}`" in captured.err
    assert run(["reindex"]) == 0
    assert capsys.readouterr().out == counts


def test_the_end_of_a_reindex_is_one_json_document(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(lambda: end(server, "complete"))
    assert run(["reindex", "--model", OTHER, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["state"] == "complete"
    assert captured.err == ""


def test_an_incomplete_reindex_says_why(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(lambda: end(server, "incomplete", "Two images are missing."))
    failed("reindex", "--model", OTHER)
    assert capsys.readouterr().out.endswith("\nTwo images are missing.\n")


def test_a_cancelled_reindex_is_not_complete(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(lambda: end(server, "cancelled"))
    failed("reindex", "--model", OTHER)
    assert capsys.readouterr().out.startswith("cancelled: ")


def test_interrupted_a_reindex_continues_and_is_followed_again_or_cancelled(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile(interrupt)
    assert run(["reindex", "--model", OTHER]) == 130
    assert "`glimpse reindex --cancel`" in capsys.readouterr().err
    first = server.reindexes.get()
    assert first is not None
    assert run(["reindex", "--model", OTHER]) == 130
    second = server.reindexes.get()
    assert second is not None
    assert (second.id, second.state) == (first.id, "running")
    capsys.readouterr()
    assert run(["reindex", "--cancel"]) == 0
    assert capsys.readouterr().out.startswith("cancelled: ")


def test_a_reindex_of_another_model_is_not_followed(
    server: Inline, meanwhile: Meanwhile, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add_model(THIRD)
    meanwhile(interrupt)
    run(["reindex", "--model", THIRD])
    assert run(["reindex", "--model", OTHER]) == 3
    assert "(reindex_running)" in capsys.readouterr().err


def test_without_a_reindex_there_is_nothing_to_show_or_cancel(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for arguments in ([], ["--cancel"]):
        assert run(["reindex", *arguments]) == 3
        assert "There was no reindex." in capsys.readouterr().err
    assert run(["reindex", "--cancel", "--model", OTHER]) == 2
