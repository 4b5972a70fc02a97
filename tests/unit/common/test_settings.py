"""Settings: read from the environment, and rejected with a helpful message if invalid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common.errors import InvalidSettings
from common.secret_files import SUFFIX
from common.service_links import is_service_link
from common.service_urls import bucket_of
from common.settings import PREFIX, Settings, load_settings


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
        ("GLIMPSE_PHOTO_INFO", "no-gps"),
        ("GLIMPSE_CONSISTENCY", "eventual"),
        ("GLIMPSE_LEASE_S", "-1"),
        ("GLIMPSE_NOISE_TEXT", "1.5"),
        ("GLIMPSE_DECODE_CPU_S_MAX", "inf"),
        ("GLIMPSE_DECODE_CPU_S_MAX", "0"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=rf"{name}: .*{value}"):
        load_settings({name: value})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BATCH_MAX", "abc", "give auto or a whole number from 1 to 4096, such as 64"),
        ("BATCH_MAX", "0", "give auto or a whole number from 1 to 4096, such as 64"),
        ("RATE_LIMIT", "600", "per second, minute, hour or day, such as 600/minute"),
        ("PATH_PREFIX", "photos", "give a path that begins with a slash .*, such as /photos"),
        ("CORS_ORIGINS", "*", "separated by commas, such as https://photos"),
        ("WEBHOOKS_ALLOW", "localhost", "give networks separated by commas, such as 10"),
        ("TRACES_URL", "collector", "give an address such as http://HOST:PORT/PATH"),
        ("METRICS_BIND", "x", "must be PORT or ADDRESS:PORT, such as 9464"),
        ("COMPILE", "perhaps", "give true or false"),
        ("LEASE_S", "1m", "give a whole number"),
        ("MISSING_S", "1m", "give a number"),
    ],
)
def test_a_bad_value_is_answered_in_words(name: str, value: str, says: str) -> None:
    variable = f"GLIMPSE_{name}"
    with pytest.raises(InvalidSettings) as caught:
        load_settings({variable: value})
    assert re.fullmatch(rf"{variable}: .*{says}.* \(got '{re.escape(value)}'\)", str(caught.value))
    assert not re.search(r"\^|Input should|Value error|;", str(caught.value))


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


# What Kubernetes gives a container for a Service glimpse-api with a named port.
LINKS = {
    "GLIMPSE_API_SERVICE_HOST": "10.0.0.7",
    "GLIMPSE_API_SERVICE_PORT": "8000",
    "GLIMPSE_API_SERVICE_PORT_HTTP": "8000",
    "GLIMPSE_API_PORT": "tcp://10.0.0.7:8000",
    "GLIMPSE_API_PORT_8000_TCP": "tcp://10.0.0.7:8000",
    "GLIMPSE_API_PORT_8000_TCP_PROTO": "tcp",
    "GLIMPSE_API_PORT_8000_TCP_PORT": "8000",
    "GLIMPSE_API_PORT_8000_TCP_ADDR": "10.0.0.7",
}


@pytest.mark.parametrize("service", ["GLIMPSE_API", "GLIMPSE", "GLIMPSE_REDIS", "GLIMPSE_MODEL"])
def test_the_links_of_kubernetes_are_no_settings(service: str) -> None:
    links = {name.replace("GLIMPSE_API", service): value for name, value in LINKS.items()}
    assert load_settings(links) == load_settings({})


@pytest.mark.parametrize("name", LINKS)
def test_what_only_looks_like_a_link_is_refused(name: str) -> None:
    with pytest.raises(InvalidSettings, match=f"{name} is not a Glimpse setting"):
        load_settings({name: LINKS[name]})


def test_a_port_that_is_no_url_makes_no_link() -> None:
    with pytest.raises(InvalidSettings, match="is not a Glimpse setting"):
        load_settings(LINKS | {"GLIMPSE_API_PORT": "9000"})


def test_a_typing_error_beside_links_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=r"GLIMPSE_MODLE .*GLIMPSE_MODEL"):
        load_settings(LINKS | {"GLIMPSE_MODLE": "starter"})


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_no_setting_has_the_name_of_a_link_or_of_a_secrets_file(name: str) -> None:
    variable = f"{PREFIX}{name.upper()}"
    # For any Service whose name the variable begins with.
    words = variable.split("_")
    services = ["_".join(words[:end]) for end in range(1, len(words))]
    links = {
        link.replace("GLIMPSE_API", service): value
        for service in services
        for link, value in LINKS.items()
    }
    assert not is_service_link(variable, links)
    assert f"{name}{SUFFIX.lower()}" not in Settings.model_fields


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GLIMPSE_REDIS_URL", "redis://:secret@redis:6379/0"),
        ("GLIMPSE_MILVUS_URI", "https://root:secret@milvus:19530"),
        ("GLIMPSE_MILVUS_TOKEN", "root:secret"),
    ],
)
def test_a_secret_is_read_from_a_file(tmp_path: Path, name: str, value: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{value}\n")
    # Compose gives a variable that is not set an empty value.
    settings = load_settings({f"{name}_FILE": str(file), name: ""})
    assert getattr(settings, name.removeprefix(PREFIX).lower()) == value
    assert load_settings({f"{name}_FILE": "", name: value}) == settings


def test_a_secret_given_twice_is_refused_without_either(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("redis://:secret@redis:6379/0")
    given = {"GLIMPSE_REDIS_URL_FILE": str(file), "GLIMPSE_REDIS_URL": "redis://:secret@other"}
    with pytest.raises(InvalidSettings, match="GLIMPSE_REDIS_URL_FILE are both set") as caught:
        load_settings(given)
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read .*No such file"),
        (b"\xff\xfe", "is not text"),
        (b"x" * 100_000, "larger than 64 KiB"),
        (b"http://:secret@redis", "GLIMPSE_REDIS_URL: .*such as"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidSettings, match=said) as caught:
        load_settings({"GLIMPSE_REDIS_URL_FILE": str(file)})
    assert "secret@" not in str(caught.value)


def test_only_secrets_come_from_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="GLIMPSE_MODEL_FILE is not a Glimpse setting"):
        load_settings({"GLIMPSE_MODEL_FILE": str(tmp_path)})


def test_origins_are_a_list() -> None:
    origins = load_settings({"GLIMPSE_CORS_ORIGINS": "https://a.example, http://[::1]:3000,"})
    assert origins.cors_origins == ("https://a.example", "http://[::1]:3000")


def test_allowed_networks_are_a_list() -> None:
    networks = load_settings({"GLIMPSE_WEBHOOKS_ALLOW": "10.1.0.0/16, ::1,"}).webhooks_allow
    assert [str(network) for network in networks] == ["10.1.0.0/16", "::1/128"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("GLIMPSE_WEBHOOKS_ALLOW", value) for value in ("localhost", "10.1.0.1/16", "*")),
        *(("GLIMPSE_WEBHOOKS_TIMEOUT_S", value) for value in ("0", "61", "inf")),
        *(("GLIMPSE_WEBHOOKS_THREADS", value) for value in ("-1", "65")),
        ("GLIMPSE_WEBHOOKS_TRY_S", "-1"),
        ("GLIMPSE_CORS_ORIGINS", "*"),
        ("GLIMPSE_CORS_ORIGINS", "https://a.example/"),
        ("GLIMPSE_CORS_ORIGINS", "https://a.example,null"),
        ("GLIMPSE_PATH_PREFIX", "photos"),
        ("GLIMPSE_PATH_PREFIX", "/photos/"),
        ("GLIMPSE_PATH_PREFIX", "/a/../b"),
        ("GLIMPSE_PATH_PREFIX", '/"><script>'),
        ("GLIMPSE_PROXY_HOPS", "-1"),
    ],
)
def test_what_is_no_origin_path_network_or_number_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=name):
        load_settings({name: value})
