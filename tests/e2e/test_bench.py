"""`glimpse bench` against a real stack: its figures, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.quotas.redis import RedisQuotas
from common.redis.client import connect
from glimpse_client import Glimpse
from tests.support.pictures import picture
from tests.support.polling import wait_for
from tests.support.services import Stack
from tests.support.services.glimpse import GlimpseProcess

SHORT = ("bench", "--seconds", "2", "--rate", "5", "--searches", "3")


@pytest.fixture
def client(shared_stack: Stack, api_key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Glimpse]:
    """A client of the tenant, which has one image; the commands use its key."""
    monkeypatch.setenv("GLIMPSE_URL", shared_stack.api.url)
    monkeypatch.setenv("GLIMPSE_API_KEY", api_key)
    with Glimpse() as client:
        client.wait(client.upload(("red.png", picture("red")), tags=["own"]))
        yield client


def untouched(client: Glimpse) -> bool:
    """Return whether the library is as it was."""
    images = [(image.filename, image.tags) for image in client.images()]
    return images == [("red.png", ("own",))] and client.count() == 1


def test_the_figures_of_each_kind_are_reported_and_nothing_is_left(
    client: Glimpse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert run([*SHORT, "--json", str(file)]) == 0
    report = json.loads(file.read_text())
    for kind, due in (("uploads", 10), ("searchable", 10), ("searches", 6), ("searches_idle", 6)):
        figures = report[kind]
        assert (figures["due"], figures["succeeded"], figures["errors"]) == (due, due, {}), kind
        latency = figures["latency_ms"]
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
        assert figures["per_s"] > 0
    assert (report["left"], report["seconds"]) == (0, 2)
    assert report["late_ms"] >= 0
    assert report["bytes"] > 10 * 5000
    assert untouched(client)
    (job, *_) = client.jobs()
    assert (job.state, job.indexed) == ("succeeded", 10)
    shown = capsys.readouterr().out
    rows = [line.split("\t") for line in shown.splitlines() if "\t" in line]
    assert [row[0] for row in rows] == ["searches alone", "searches", "uploads", "searchable"]
    assert any("█" in row[-1] for row in rows)
    assert "highest latency of searches" in shown


def test_uploads_end_after_the_pictures_that_are_allowed(
    client: Glimpse, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*SHORT, "--pictures", "3", "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["uploads"]["due"], report["searches"]["due"]) == (3, 6)
    assert untouched(client)


def test_what_fails_is_counted_by_code(
    shared_stack: Stack, tenant: str, client: Glimpse, capsys: pytest.CaptureFixture[str]
) -> None:
    with connect(shared_stack.redis.url) as redis:
        quotas = RedisQuotas(redis)
        quotas.put(tenant, 4)
        quota = quotas.find(tenant)
        assert quota is not None
        # Count the one that is there, unless a worker has done so.
        quotas.correct(tenant, quota, 1)
        try:
            assert run([*SHORT, "--json", "-"]) == 0
        finally:
            quotas.put(tenant, None)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    refused = report["uploads"]["errors"].get("quota_exceeded", 0)
    failed = report["searchable"]["errors"].get("quota_exceeded", 0)
    assert refused + failed == 7
    assert report["searchable"]["succeeded"] == 3
    assert untouched(client)


def test_kept_pictures_have_the_runs_tag(
    client: Glimpse, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*SHORT, "--keep", "--json", "-"]) == 0
    captured = capsys.readouterr()
    tag = json.loads(captured.out)["tag"]
    assert f"glimpse delete --tag {tag}" in captured.err
    assert client.count(tag) == 10
    assert run(["delete", "--tag", tag, "--yes"]) == 0
    assert untouched(client)


def test_after_ctrl_c_the_pictures_are_deleted(shared_stack: Stack, client: Glimpse) -> None:
    command = [sys.executable, "-m", "cli", "bench", "--seconds", "600", "--rate", "20"]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(GlimpseProcess.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for(lambda: client.tags("glimpse-bench-").tags, 120, "the first picture")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "Interrupted."
    assert untouched(client)


def test_a_key_that_may_not_write_is_refused(
    shared_stack: Stack,
    tenant: str,
    client: Glimpse,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token, key = issue(tenant, "test", ["read"], time.time())
    with connect(shared_stack.redis.url) as redis:
        RedisKeys(redis).add(key)
    monkeypatch.setenv("GLIMPSE_API_KEY", token.text)
    assert run([*SHORT]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "(forbidden): The key lacks the scope 'write'" in captured.err
