"""`glimpse tenants` on a real Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cli.main import run
from common.jobs.redis import RedisJobs
from common.quotas.redis import RedisQuotas
from common.redis.client import connect
from common.webhooks.redis import RedisWebhooks
from tests.support.job_records import new_job
from tests.support.services import Valkey


@pytest.fixture
def quotas(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisQuotas]:
    monkeypatch.setenv("GLIMPSE_REDIS_URL", valkey.url)
    with connect(valkey.url) as redis:
        redis.flushdb()
        new_job(RedisJobs(redis, ttl_s=600), 3)
        yield RedisQuotas(redis)
        redis.flushdb()


def test_a_quota_is_set_listed_and_removed(
    quotas: RedisQuotas, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tenants", "set", "acme", "--images", "5"]) == 0
    assert "a quota of 5 images" in capsys.readouterr().err
    quota = quotas.find("acme")
    assert quota is not None
    quotas.correct("acme", quota, 2)
    assert run(["tenants", "list"]) == 0
    assert capsys.readouterr().out == "acme\t2\t5\t0\t-\ndefault\t-\t-\t3\t-\n"
    assert run(["tenants", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tenants"] == [
        {"tenant": "acme", "images": 2, "quota": 5, "pending": 0, "callback_url": None},
        {"tenant": "default", "images": None, "quota": None, "pending": 3, "callback_url": None},
    ]
    assert run(["tenants", "set", "acme", "--no-quota"]) == 0
    assert quotas.find("acme") is None


def test_a_url_for_all_jobs_is_set_and_removed(
    quotas: RedisQuotas, valkey: Valkey, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tenants", "set", "acme", "--callback-url", "https://example.com/hook"]) == 0
    assert "call https://example.com/hook" in capsys.readouterr().err
    assert run(["tenants", "set", "default", "--callback-url", "https://example.com/all"]) == 0
    assert run(["tenants", "list"]) == 0
    assert capsys.readouterr().out == (
        "acme\t-\t-\t0\thttps://example.com/hook\ndefault\t-\t-\t3\thttps://example.com/all\n"
    )
    with connect(valkey.url) as redis:
        webhooks = RedisWebhooks(redis)
        assert webhooks.defaults()["acme"] == "https://example.com/hook"
        assert run(["tenants", "set", "acme", "--no-callback-url"]) == 0
        assert "acme" not in webhooks.defaults()
    assert quotas.find("acme") is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["../other", "--images", "5"], "a tenant's name"),
        (["acme"], "--images"),
        (["acme", "--images", "5", "--no-quota"], "--images"),
        (["acme", "--images", "-1"], "--images"),
        (["acme", "--images", "5", "--callback-url", "https://example.com"], "--images"),
        (["acme", "--callback-url", "example.com"], "http://"),
    ],
)
def test_what_no_quota_can_be_is_refused(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tenants", "set", *arguments]) == 2
    assert reason in capsys.readouterr().err
