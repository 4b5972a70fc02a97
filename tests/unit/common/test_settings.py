"""Settings: read from the environment, and rejected with a helpful message if invalid."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import InvalidSettings
from common.service_urls import bucket_of
from common.settings import load_settings


def test_defaults_need_no_variables() -> None:
    assert load_settings({}).model == "ViT-B/32"


def test_variables_are_read_and_converted() -> None:
    settings = load_settings(
        {"GLIMPSE_BATCH_MAX": "64", "GLIMPSE_BLOBS_DIR": "/srv/blobs", "PATH": "/bin"}
    )
    assert settings.batch_max == 64
    assert settings.blobs_dir == Path("/srv/blobs")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("GLIMPSE_MODLE", "GLIMPSE_MODEL"), ("GLIMPSE_REDIS", "GLIMPSE_REDIS_URL")],
)
def test_a_typing_error_is_refused_with_the_nearest_name(typed: str, meant: str) -> None:
    with pytest.raises(InvalidSettings, match=f"{typed} is not a Glimpse setting.*{meant}"):
        load_settings({typed: "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GLIMPSE_BATCH_MAX", "0"),
        ("GLIMPSE_BATCH_MAX", "many"),
        ("GLIMPSE_PRECISION", "fp8"),
        ("GLIMPSE_LOG_LEVEL", "loud"),
        ("GLIMPSE_CONSISTENCY", "eventual"),
        ("GLIMPSE_LEASE_S", "-1"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=rf"{name}: .*{value}"):
        load_settings({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GLIMPSE_REDIS_URL", "http://:secret@127.0.0.1:6379/0"),
        ("GLIMPSE_REDIS_URL", "redis://:secret@127.0.0.1:none/0"),
        ("GLIMPSE_REDIS_URL", "redis://:secret@[::1/0"),
        ("GLIMPSE_REDIS_URL", "redis://:secret@/0"),
        ("GLIMPSE_MILVUS_URI", "grpc://root:secret@127.0.0.1:1"),
        ("GLIMPSE_MILVUS_URI", "http://root:secret@127.0.0.1:70000"),
        ("GLIMPSE_MILVUS_URI", "secret"),
    ],
)
def test_a_bad_address_is_refused_without_its_password(name: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=f"{name}: .*such as") as caught:
        load_settings({name: value})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GLIMPSE_REDIS_URL", "rediss://user:p%40ss@redis.example:6380/3"),
        ("GLIMPSE_REDIS_URL", "redis://[::1]"),
        ("GLIMPSE_MILVUS_URI", "https://in01-x.api.zillizcloud.com"),
        ("GLIMPSE_MILVUS_URI", "http://root:Milvus@milvus:19530/database"),
    ],
)
def test_an_address_is_kept_as_it_is(name: str, value: str) -> None:
    settings = load_settings({name: value})
    assert value in (settings.redis_url, settings.milvus_uri)


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ({}, Path("data/blobs")),
        ({"GLIMPSE_BLOBS_DIR": "/srv/blobs"}, Path("/srv/blobs")),
        ({"GLIMPSE_BLOBS_URL": "file:///srv/my%20blobs"}, Path("/srv/my blobs")),
        (
            {"GLIMPSE_BLOBS_URL": "file:///srv/blobs", "GLIMPSE_BLOBS_DIR": "/srv/blobs"},
            Path("/srv/blobs"),
        ),
        ({"GLIMPSE_BLOBS_URL": "s3://bucket/prefix"}, None),
    ],
)
def test_blobs_are_in_one_place(given: dict[str, str], folder: Path | None) -> None:
    assert load_settings(given).blobs_folder == folder


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"GLIMPSE_BLOBS_URL": "s3://bucket", "GLIMPSE_BLOBS_DIR": "/srv"}, "set only one"),
        ({"GLIMPSE_BLOBS_URL": "file:///srv/a", "GLIMPSE_BLOBS_DIR": "/srv/b"}, "set only one"),
        ({"GLIMPSE_BLOBS_URL": "s3://key:secret@bucket/x"}, "give a URL such as s3://BUCKET"),
        ({"GLIMPSE_BLOBS_URL": "s3://bucket/../x"}, "give a URL such as s3://BUCKET"),
        ({"GLIMPSE_BLOBS_URL": "file://host/x"}, "give a URL such as s3://BUCKET"),
        ({"GLIMPSE_BLOBS_URL": "/srv"}, "give a URL such as s3://BUCKET"),
        ({"GLIMPSE_CONTENT_REDIRECT_S": "60"}, "only an object store has signed addresses"),
    ],
)
def test_blobs_in_two_places_or_in_none_are_refused(given: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidSettings, match=says) as caught:
        load_settings(given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "bucket"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://my.bucket-1/a/b/", ("my.bucket-1", "a/b/")),
    ],
)
def test_a_bucket_and_its_prefix(url: str, bucket: tuple[str, str]) -> None:
    assert bucket_of(load_settings({"GLIMPSE_BLOBS_URL": url}).blobs_url) == bucket


def test_the_command_lines_own_variables_are_no_settings() -> None:
    assert load_settings({"GLIMPSE_URL": "http://x", "GLIMPSE_API_KEY": "k"}) == load_settings({})
