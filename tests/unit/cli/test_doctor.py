"""`glimpse doctor`: what each check says, and how findings are printed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.doctor import api, blobs, checks, milvus, workers
from cli.main import run
from cli.service.relay import Relay
from common.blobs.folder import FolderBlobs
from common.blobs.memory import MemoryBlobs
from common.findings import Finding, Part
from common.heartbeats import Heartbeat
from common.keys.command import CREATE_KEY
from common.redis.time import MachineClock
from common.settings import load_settings
from glimpse_client import Glimpse, RetryPolicy
from tests.support.inline import start_inline

NOW = 1_700_000_000.0


def beat(queue: str = "ingest", **changes: object) -> Heartbeat:
    found = {
        "name": f"{queue}@a.1",
        "queue": queue,
        "model": "starter",
        "revision": "1",
        "version": "0.1.0",
        "at": NOW,
        "until": NOW + 15,
        "inference_at": NOW,
    }
    return Heartbeat.model_validate(found | changes)


def levels(findings: Iterable[Finding]) -> dict[str, str]:
    """The checks that are not fine."""
    return {each.check: each.level for each in findings if each.level != "ok"}


def diagnosed(*beats: Heartbeat) -> dict[str, str]:
    return levels(workers.look(beats, "starter", NOW))


def test_a_worker_of_each_queue_is_fine() -> None:
    assert diagnosed(beat(), beat("search")) == {}


def test_a_queue_without_workers_is_an_error() -> None:
    assert diagnosed(beat()) == {"search queue": "error"}
    assert diagnosed() == {"ingest queue": "error", "search queue": "error"}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"serves": False, "model": "hashing"}, {"ingest queue": "error"}),
        ({"store_error": "down"}, {"store of ingest@a.1": "error"}),
        ({"asked_at": NOW - 100}, {"consumer of ingest@a.1": "error"}),
        ({"clock_skew_s": -3.0}, {"clock": "warning"}),
        ({"revision": "2"}, {"versions": "error"}),
        ({"version": "0.2.0"}, {"versions": "warning"}),
        ({"version": ""}, {"versions": "warning"}),
    ],
)
def test_a_worker_in_trouble_is_named(changes: dict[str, object], found: dict[str, str]) -> None:
    assert diagnosed(beat(**changes), beat("search")) == found


def can_be_used() -> None:
    """What a process of the service does as it starts, where nothing is wrong."""


@pytest.mark.parametrize("stores", ["memory", "folder"])
def test_a_blob_store_is_tried_and_left_as_it_was(stores: str, tmp_path: Path) -> None:
    store = MemoryBlobs() if stores == "memory" else FolderBlobs(tmp_path)
    folder = None if stores == "memory" else tmp_path
    found = list(blobs.look(store, folder, MachineClock(), can_be_used))
    assert levels(found) == {}
    assert [each.check for each in found] == ["works", "clock", *(["space"] if folder else [])]
    assert list(store.stored()) == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "blobs").touch()
    store = FolderBlobs(tmp_path / "blobs")
    found = blobs.look(store, tmp_path / "blobs", MachineClock(), can_be_used)
    assert levels(found) == {"works": "error"}


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "_FREE_BYTES_MIN", 2**80)
    found = blobs.look(FolderBlobs(tmp_path), tmp_path, MachineClock(), can_be_used)
    assert levels(found) == {"space": "warning"}


def client(url: str, ready: int, checked: int) -> Glimpse:
    """A client of a server that answers with these statuses."""

    def answer(request: httpx.Request) -> httpx.Response:
        status = ready if request.url.path == "/readyz" else checked
        body = {"code": "not_ready", "detail": "Missing: store.", "known": [], "missing": []}
        seen = {"address": "127.0.0.1", "forwarded": 0, "proxy_hops": 0}
        return httpx.Response(status, json=body | seen)

    return Glimpse(url, retry_policy=RetryPolicy(0), transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("url", "ready", "checked", "has_keys", "found"),
    [
        ("http://127.0.0.1", 200, 200, False, {}),
        ("http://photos.example", 200, 200, True, {}),
        ("http://photos.example", 200, 200, None, {}),
        ("http://photos.example", 200, 200, False, {"access": "error"}),
        ("http://127.0.0.1", 200, 401, True, {"access": "warning", "proxies": "warning"}),
        (
            *("http://127.0.0.1", 503, 503, True),
            {"ready": "error", "access": "error", "proxies": "warning"},
        ),
    ],
)
def test_the_api_is_asked_for_readiness_and_access(
    url: str, ready: int, checked: int, has_keys: bool | None, found: dict[str, str]
) -> None:
    # The API refuses requests without a key that come from other machines.
    relayed = client(url, ready, 403)
    assert levels(api.look(client(url, ready, checked), has_keys, relayed, CREATE_KEY)) == found


@pytest.mark.parametrize(
    ("open_to", "found"), [("loopback", {}), ("network", {"access": "warning"})]
)
def test_an_api_without_keys_that_is_open_to_other_machines_is_reported(
    open_to: str, found: dict[str, str]
) -> None:
    inline = start_inline(load_settings({"GLIMPSE_OPEN_TO": open_to}))
    direct, relayed = (
        Glimpse("http://127.0.0.1", retry_policy=RetryPolicy(0), transport=transport)
        for transport in (
            httpx.WSGITransport(inline.app),
            Relay("doctor", httpx.WSGITransport(inline.app)),
        )
    )
    assert levels(api.look(direct, False, relayed, CREATE_KEY)) == found
    inline.close()


@pytest.mark.parametrize(
    ("hops", "forwarded", "found"),
    [(0, "", "ok"), (1, "8.8.8.8", "ok"), (0, "8.8.8.8", "warning"), (2, "8.8.8.8", "warning")],
)
def test_the_proxies_that_the_api_believes_are_compared_with_those_there_are(
    hops: int, forwarded: str, found: str
) -> None:
    inline = start_inline(
        load_settings({"GLIMPSE_PROXY_HOPS": str(hops), "GLIMPSE_OPEN_TO": "network"})
    )
    app = httpx.WSGITransport(inline.app)

    def proxy(request: httpx.Request) -> httpx.Response:
        if forwarded:
            request.headers["X-Forwarded-For"] = forwarded
        return app.handle_request(request)

    through = Glimpse("http://127.0.0.1", transport=httpx.MockTransport(proxy))
    (finding,) = [
        each for each in api.look(through, True, through, CREATE_KEY) if each.check == "proxies"
    ]
    assert finding.level == found
    if found == "warning":
        assert "GLIMPSE_PROXY_HOPS" in finding.advice
    inline.close()


def test_an_api_that_does_not_answer_is_an_error() -> None:
    unreachable = Glimpse("http://127.0.0.1:1", retry_policy=RetryPolicy(0))
    assert levels(api.look(unreachable, False, unreachable, CREATE_KEY)) == {"ready": "error"}


def test_elsewhere_than_at_a_service_it_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLIMPSE_REDIS_URL", raising=False)
    found = next(checks.findings(tmp_path, {"GLIMPSE_REDIS_URL": "redis://127.0.0.1:1"}))
    assert found.level == "error"
    assert f"No running `glimpse up` uses {tmp_path}." in found.advice
    monkeypatch.setenv("GLIMPSE_REDIS_URL", "redis://127.0.0.1:1")
    found = next(checks.findings(tmp_path, os.environ))
    assert "No running" not in found.advice


def test_a_machine_without_pymilvus_does_not_check_milvus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus, "find_spec", lambda _: None)
    assert levels(milvus.look("http://127.0.0.1:1")) == {"answers": "warning"}


def status_of(*arguments: str) -> int:
    """The exit status of a command."""
    try:
        return run(arguments)
    except SystemExit as end:
        return int(end.code or 0)


PART = Part("redis")
OK, WARNING, ERROR = (
    PART.ok("version", "Redis 8."),
    PART.warning("memory", "90 of 100 MiB.", "Raise it."),
    PART.error("eviction", "Evicts \x1b[2J.", "Set it."),
)


@pytest.mark.parametrize(
    ("findings", "status", "summary"),
    [
        ([OK], 0, "1 check: no errors, no warnings."),
        ([OK, WARNING], 0, "2 checks: no errors, 1 warning."),
        ([ERROR, WARNING, ERROR], 1, "3 checks: 2 errors, 1 warning."),
    ],
)
def test_findings_are_printed_with_advice(
    findings: list[Finding],
    status: int,
    summary: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def found(*_: object) -> Iterator[Finding]:
        yield from findings

    monkeypatch.setattr(checks, "findings", found)
    assert status_of("doctor") == status
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == summary
    assert all(each.advice in printed for each in findings)
    assert "\x1b[2J" not in printed
    assert status_of("doctor", "--json") == status
    printed = capsys.readouterr().out
    assert [Finding.model_validate(each) for each in json.loads(printed)] == findings


def test_an_invalid_setting_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_LEASE_S", "soon")
    assert run(["doctor"]) == 2
    assert "GLIMPSE_LEASE_S" in capsys.readouterr().err
