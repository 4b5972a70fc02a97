"""Starting on a bucket that cannot be used: one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from cli.doctor.blobs import look
from common.blobs import bucket_owner
from common.blobs.bucket import Bucket
from common.blobs.bucket_owner import BucketOwner
from common.blobs.stores import check_blobs, open_blobs, try_blobs
from common.errors import BlobsMisconfigured, BucketShared
from common.redis.client import connect
from common.redis.time import RedisClock
from common.settings import Settings, load_settings
from tests.support.breaking_proxy import BreakingProxy, refusal
from tests.support.clock import Clock
from tests.support.services import Api, SeaweedFS, ServiceNotStarted, Valkey, free_port
from tests.support.services.seaweedfs import READER_KEY, READER_SECRET
from worker.encoders.hashing import HashingEncoder
from worker.runtime.ingest import IngestParts
from worker.runtime.serve import serve
from worker.stores.memory import MemoryStore

# Returns the settings of a service on the object store, with variables changed.
MakeSettings = Callable[..., Settings]


@pytest.fixture
def settings(
    seaweedfs: SeaweedFS, bucket: Bucket, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeSettings]:
    def make(**changes: str) -> Settings:
        own = {**seaweedfs.settings(bucket.prefix), "GLIMPSE_REDIS_URL": valkey.url, **changes}
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        return load_settings(own)

    yield make
    with connect(valkey.url) as redis:
        redis.flushall()


def check(settings: Settings) -> None:
    check_blobs(settings, connect(settings.redis_url))


def test_a_bucket_that_can_be_used_is_left_as_it_was(
    settings: MakeSettings, bucket: Bucket
) -> None:
    check(settings())
    check(settings())
    assert [entry.key for entry in bucket.entries("")] == ["glimpse-owner"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"GLIMPSE_BLOBS_URL": "s3://absent/x"}, "s3://absent/x/: There is no such bucket. Create"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "The secret is wrong. Check AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": "wrong"}, "The access key is unknown. Check AWS_ACCESS_KEY_ID"),
        (
            {"AWS_ACCESS_KEY_ID": READER_KEY, "AWS_SECRET_ACCESS_KEY": READER_SECRET},
            r"do not allow to write \(s3:PutObject\)",
        ),
        ({"AWS_ENDPOINT_URL_S3": "127.0.0.1:9000"}, "Write http://HOST:PORT, or https://"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:99999"}, "AWS_ENDPOINT_URL_S3 is not the"),
        ({"AWS_DEFAULT_REGION": "eu west"}, "is no name of a region"),
        ({"AWS_CONFIG_FILE": __file__}, "The file of AWS_CONFIG_FILE"),
        ({"AWS_PROFILE": "absent"}, "There are no credentials. Set AWS_ACCESS_KEY_ID"),
    ],
)
def test_what_has_to_be_changed_is_told(
    settings: MakeSettings, changes: dict[str, str], says: str
) -> None:
    changed = settings(**changes)
    with pytest.raises(BlobsMisconfigured, match=says) as told:
        check(changed)
    with connect(changed.redis_url) as redis:
        queries, clock = open_blobs(changed, redis).queries, RedisClock(redis)
        diagnosed = list(look(queries, None, clock, partial(try_blobs, changed)))
    assert [(each.level, each.text) for each in diagnosed] == [("error", str(told.value))]


def test_who_may_not_delete_is_told(settings: MakeSettings, seaweedfs: SeaweedFS) -> None:
    with BreakingProxy(seaweedfs.port) as proxy:
        refused = refusal(403, "AccessDenied")
        proxy.answer = lambda data: refused if data.startswith(b"DELETE") else None
        with pytest.raises(BlobsMisconfigured, match=r"to delete \(s3:DeleteObject\)"):
            check(settings(AWS_ENDPOINT_URL_S3=proxy.url))


def test_a_server_that_is_away_delays_no_start(
    settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    check(settings(AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{free_port()}"))
    assert "blobs.unreachable" in caplog.text


def test_a_second_service_is_refused(
    settings: MakeSettings,
    valkey: Valkey,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    check(settings())
    other = settings(GLIMPSE_REDIS_URL=valkey.url.replace("/0", "/1"))
    with pytest.raises(BlobsMisconfigured, match="Another Glimpse service has used this bucket"):
        check(other)
    # A running one, too, which began at the same moment.
    stores = open_blobs(other, connect(other.redis_url), marks=True)
    with pytest.raises(BucketShared, match="prefix of its own"):
        stores.originals.writer("default")
    # Its upkeep touches nothing.
    IngestParts(other, HashingEncoder(), MemoryStore()).upkeep.turn()
    assert "upkeep.turn_lost chore=keep_owner Another Glimpse service" in caplog.text
    assert len([said for said in caplog.records if said.name == "worker.upkeep.base"]) == 1
    open_blobs(settings(), connect(valkey.url), marks=True).originals.writer("default").discard()
    # Once the first one is gone, the other may have it.
    monkeypatch.setattr(bucket_owner, "_GONE_S", -1.0)
    check(other)
    monkeypatch.undo()


def test_an_owner_looks_now_and_then_and_survives_an_emptied_redis(
    settings: MakeSettings, bucket: Bucket, valkey: Valkey
) -> None:
    clock, redis = Clock(), connect(valkey.url)
    owner = BucketOwner(redis, bucket, clock.now)
    owner.keep()
    name = redis.get("glimpse:blobs:owner")
    redis.flushall()
    owner.keep()
    assert not redis.exists("glimpse:blobs:owner")
    clock.sleep(61)
    owner.keep()
    assert redis.get("glimpse:blobs:owner") == name


def test_the_processes_end_with_that_sentence(
    settings: MakeSettings, seaweedfs: SeaweedFS, bucket: Bucket, valkey: Valkey, tmp_path: Path
) -> None:
    wrong = settings(AWS_SECRET_ACCESS_KEY="wrong")
    with pytest.raises(BlobsMisconfigured, match="The secret is wrong"):
        serve(wrong, "search", "search@test.1")
    own = {**seaweedfs.settings(bucket.prefix), "GLIMPSE_REDIS_URL": valkey.url}
    api = Api(tmp_path, {**own, "AWS_SECRET_ACCESS_KEY": "wrong"})
    with pytest.raises(ServiceNotStarted, match=r"blobs_misconfigured: .*The secret is wrong"):
        api.start()
