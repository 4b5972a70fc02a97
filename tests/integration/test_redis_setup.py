"""What Redis, a sentinel or a certificate refuses is said in a sentence when a process starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from cli.main import run
from common.errors import BrokerMisconfigured, BrokerUnavailable, InvalidSettings
from common.exit_codes import MISCONFIGURED
from common.heartbeats import RedisHeartbeats
from common.jobs.redis import RedisJobs
from common.redis.client import connect
from common.redis.setup import require_redis
from common.settings import load_settings
from tests.conftest import require
from tests.support.certificates import Certificates
from tests.support.services import TlsRedis, Valkey, free_port
from tests.support.services.replicated import SentinelServer
from tests.support.services.tls_redis import TlsSentinel

PASSWORD = "kaleidoscope"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls_redis(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[TlsRedis]:
    require(TlsRedis)
    with TlsRedis(tmp_path_factory.mktemp("tls"), certificates) as service:
        yield service


@pytest.fixture
def admin(tls_redis: TlsRedis, certificates: Certificates) -> Iterator[Redis]:
    """A client that is connected before the server shows another certificate."""
    with tls_redis.connect() as client:
        client.ping()
        yield client
        tls_redis.show(client, certificates.good)


def check(settings: dict[str, str]) -> None:
    require_redis(load_settings(settings).redis)


def test_a_certificate_of_the_ca_is_accepted(tls_redis: TlsRedis) -> None:
    check(tls_redis.settings)


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("expired", "has expired. Renew it"),
        ("other_name", "is for another name. Connect by a name in the certificate"),
        ("untrusted", "not signed by a trusted CA. Set GLIMPSE_REDIS_CA"),
        ("self_signed", "not signed by a trusted CA. Set GLIMPSE_REDIS_CA"),
    ],
)
def test_a_bad_certificate_is_refused_everywhere(
    kind: str,
    match: str,
    tls_redis: TlsRedis,
    admin: Redis,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tls_redis.show(admin, getattr(certificates, kind))
    with pytest.raises(BrokerMisconfigured, match=f"The certificate of Redis at .* {match}"):
        check(tls_redis.settings)
    # A process that has started before answers 503.
    with (
        connect(load_settings(tls_redis.settings).redis) as client,
        pytest.raises(BrokerUnavailable),
    ):
        RedisJobs(client, ttl_s=60).get("0" * 32)
    for name, value in tls_redis.settings.items():
        monkeypatch.setenv(name, value)
    assert run(["keys", "list"]) == 1
    assert match in capsys.readouterr().err


def test_a_self_signed_certificate_can_be_trusted_by_name(
    tls_redis: TlsRedis, certificates: Certificates
) -> None:
    wrong_ca = {**tls_redis.settings, "GLIMPSE_REDIS_CA": certificates.self_signed.cert}
    with pytest.raises(BrokerMisconfigured, match="not signed by a trusted CA"):
        check(wrong_ca)


def test_without_a_ca_those_of_the_system_are_trusted(tls_redis: TlsRedis) -> None:
    settings = {n: v for n, v in tls_redis.settings.items() if n != "GLIMPSE_REDIS_CA"}
    with pytest.raises(BrokerMisconfigured, match="not signed by a trusted CA"):
        check(settings)


def test_a_client_without_a_certificate_is_told_which_settings_to_set(tls_redis: TlsRedis) -> None:
    settings = {n: tls_redis.settings[n] for n in ("GLIMPSE_REDIS_URL", "GLIMPSE_REDIS_CA")}
    # The connection may end before the reason can be read.
    refused = (BrokerMisconfigured, BrokerUnavailable)
    with pytest.raises(refused, match="set GLIMPSE_REDIS_CERT and GLIMPSE_REDIS_KEY"):
        check(settings)


@pytest.mark.parametrize("name", ["CA", "CERT", "KEY"])
def test_a_file_that_cannot_be_read_is_named(
    name: str, tls_redis: TlsRedis, tmp_path: Path
) -> None:
    settings = {**tls_redis.settings, f"GLIMPSE_REDIS_{name}": str(tmp_path / "absent.pem")}
    with pytest.raises(InvalidSettings, match=f"GLIMPSE_REDIS_{name}: cannot read .*absent.pem"):
        check(settings)
    (tmp_path / "absent.pem").write_text("no PEM")
    with pytest.raises(InvalidSettings, match="PEM"):
        check(settings)


def test_a_key_of_another_certificate_is_refused(
    tls_redis: TlsRedis, certificates: Certificates
) -> None:
    settings = {**tls_redis.settings, "GLIMPSE_REDIS_KEY": certificates.good.key}
    with pytest.raises(InvalidSettings, match=r"GLIMPSE_REDIS_CERT: .*its own key"):
        check(settings)


def test_a_server_without_tls_is_not_used_with_it(valkey: Valkey) -> None:
    with pytest.raises((BrokerMisconfigured, BrokerUnavailable), match="does not use TLS"):
        check({"GLIMPSE_REDIS_URL": valkey.url.replace("redis://", "rediss://")})


@pytest.mark.parametrize(
    "login", ["glimpse:wrong@", f"nobody:{PASSWORD}@", ":wrong@", f":{PASSWORD}@", ""]
)
def test_a_wrong_password_is_refused(login: str, valkey: Valkey) -> None:
    with valkey.connect() as client:
        client.execute_command(f"ACL SETUSER glimpse on >{PASSWORD} ~* &* +@all")
        client.execute_command("ACL SETUSER default resetpass >other")
        try:
            with pytest.raises(BrokerMisconfigured, match="rejects the user name or password") as e:
                check({"GLIMPSE_REDIS_URL": valkey.url.replace("://", f"://{login}")})
            assert PASSWORD not in str(e.value)
            check({"GLIMPSE_REDIS_URL": valkey.url.replace("://", f"://glimpse:{PASSWORD}@")})
        finally:
            client.execute_command("ACL SETUSER default nopass")
            client.execute_command("ACL DELUSER glimpse")


@pytest.mark.parametrize(
    ("rights", "match"),
    [
        ("~* &* +@all -hsetnx -brpop", "may not use HSETNX, BRPOP. Give it the rights in docs"),
        ("~glimpse:* &* +@all", "may not use EXISTS ingest, EXISTS search, .*unacked"),
        ("~* resetchannels +@all", "may not use PUBLISH celery-task-meta-0"),
        ("~* &* -@all", "HSET, .* more"),
    ],
)
def test_rights_that_a_user_lacks_are_listed(rights: str, match: str, valkey: Valkey) -> None:
    with valkey.connect() as client:
        client.execute_command(f"ACL SETUSER limited reset on >{PASSWORD} {rights}")
        with pytest.raises(BrokerMisconfigured, match=f"The user limited .*{match}"):
            check({"GLIMPSE_REDIS_URL": valkey.url.replace("://", f"://limited:{PASSWORD}@")})
        client.execute_command("ACL DELUSER limited")


def test_a_right_that_is_missed_later_is_logged_and_not_told_to_callers(
    valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    with valkey.connect() as client:
        client.execute_command(f"ACL SETUSER limited reset on >{PASSWORD} ~* &* +@all -hgetall")
        url = valkey.url.replace("://", f"://limited:{PASSWORD}@")
        with connect(url) as limited, pytest.raises(BrokerUnavailable, match="log says why"):
            RedisHeartbeats(limited).alive()
        client.execute_command("ACL DELUSER limited")
    assert "redis.refused" in caplog.text
    assert "hgetall" in caplog.text


def test_a_check_leaves_nothing(valkey: Valkey) -> None:
    with valkey.connect() as client:
        client.flushdb()
        check({"GLIMPSE_REDIS_URL": valkey.url})
        assert client.keys() == []


def test_a_database_that_does_not_exist_is_refused(valkey: Valkey) -> None:
    with pytest.raises(BrokerMisconfigured, match="has no database 99"):
        check({"GLIMPSE_REDIS_URL": valkey.url.replace("/0", "/99")})


def test_a_server_that_does_not_answer_may_come_back() -> None:
    with pytest.raises(BrokerUnavailable, match=r"does not answer.*Connection refused"):
        check({"GLIMPSE_REDIS_URL": f"redis://127.0.0.1:{free_port()}"})


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelServer]:
    """A sentinel of a primary that does not run."""
    require(Valkey)
    with SentinelServer(tmp_path_factory.mktemp("sentinel"), free_port()) as service:
        yield service


def test_sentinels_that_name_a_dead_primary_say_so(sentinel: SentinelServer) -> None:
    with pytest.raises(BrokerUnavailable, match=r"[Pp]rimary of glimpse.*(down|does not answer)"):
        check({"GLIMPSE_REDIS_URL": f"sentinel://127.0.0.1:{sentinel.port}/glimpse"})


def test_a_name_that_no_sentinel_knows_is_refused(sentinel: SentinelServer) -> None:
    with pytest.raises(BrokerMisconfigured, match="no primary named other, but: glimpse"):
        check({"GLIMPSE_REDIS_URL": f"sentinel://127.0.0.1:{sentinel.port}/other"})


def test_sentinels_that_do_not_answer_may_come_back() -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    with pytest.raises(BrokerUnavailable, match=f"No sentinel answers at sentinel://{hosts}"):
        check({"GLIMPSE_REDIS_URL": f"sentinel://{hosts}/glimpse"})


def test_a_wrong_password_of_the_sentinels_is_refused(sentinel: SentinelServer) -> None:
    url = f"sentinel://127.0.0.1:{sentinel.port}/glimpse"
    with sentinel.connect() as client:
        client.execute_command("ACL SETUSER guard on >right +@all")
    settings = {"GLIMPSE_REDIS_URL": url, "GLIMPSE_REDIS_SENTINEL_USER": "guard"}
    with pytest.raises(BrokerMisconfigured, match=r"sentinel at .*GLIMPSE_REDIS_SENTINEL_PASSWORD"):
        check({**settings, "GLIMPSE_REDIS_SENTINEL_PASSWORD": "wrong"})
    # Accepted: now the primary is missed.
    with pytest.raises(BrokerUnavailable, match="primary of glimpse"):
        check({**settings, "GLIMPSE_REDIS_SENTINEL_PASSWORD": "right"})


def test_sentinels_and_their_primary_are_reached_with_tls(
    tls_redis: TlsRedis, certificates: Certificates, tmp_path: Path
) -> None:
    with TlsSentinel(tmp_path, certificates, tls_redis.port) as sentinel:
        url = f"sentinels://127.0.0.1:{sentinel.port}/glimpse"
        settings = {**tls_redis.settings, "GLIMPSE_REDIS_URL": url}
        check(settings)
        del settings["GLIMPSE_REDIS_CA"]
        with pytest.raises(BrokerMisconfigured, match=r"certificate of the sentinel .* trusted CA"):
            check(settings)


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "worker", "run", "search"],
        ["-m", "gunicorn", "-c", "python:api.server.config", "api.wsgi:app"],
    ],
    ids=["worker", "api"],
)
def test_a_process_ends_with_the_sentence(command: list[str], valkey: Valkey) -> None:
    settings = {
        "GLIMPSE_MODEL": "hashing",
        "GLIMPSE_REDIS_URL": valkey.url.replace("://", f"://glimpse:{PASSWORD}@"),
    }
    ended = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == MISCONFIGURED
    assert "broker_misconfigured: Redis at redis://127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert PASSWORD not in ended.stderr
