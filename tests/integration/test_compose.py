"""Checks docker-compose.yml and its Dockerfiles without a Docker engine.

The tests run the command lines of Glimpse's own services and of Redis as processes.
They cannot run those of etcd, MinIO, Milvus, Prometheus and Grafana, whose programs exist only
in the images; the first three command lines come from Milvus's own docker-compose.yml.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from common.settings import load_settings
from tests.conftest import require
from tests.support.containers import ROOT, Container, compose
from tests.support.containers import Image as DockerImage
from tests.support.polling import index_and_find_a_picture, ready
from tests.support.services import MilvusLite, RedisServer, Valkey, free_port

COMPOSE = ROOT / "docker-compose.yml"
OWN = ("api", "worker-search", "worker-ingest", "worker-ingest-gpu")
# Services of ours that are started by default; the others have a profile.
STARTED = OWN[:3]
# It ends once its work is done; the others run until they are stopped.
ONCE = "model"
# Where each worker serves its metrics.
METRICS = "0.0.0.0:9464"


FILE = compose()
SERVICES: dict[str, Any] = FILE["services"]


def image(service: str) -> DockerImage:
    """Return the image that a service builds."""
    return DockerImage(SERVICES[service]["build"]["dockerfile"])


def test_the_file_meets_the_compose_specification() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    run = subprocess.run([*checker, str(COMPOSE)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_the_services_are_those_of_the_design() -> None:
    assert set(SERVICES) == {
        *("redis", "etcd", "minio", "milvus", "prometheus", "grafana"),
        *(*OWN, ONCE),
    }
    profiles = {name: each["profiles"] for name, each in SERVICES.items() if "profiles" in each}
    assert profiles == {
        "worker-ingest-gpu": ["gpu"],
        "prometheus": ["observability"],
        "grafana": ["observability"],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    images = [SERVICES[name]["image"]]
    if "build" in SERVICES[name]:
        images += re.findall(r"^FROM (\S+)", image(name).text, re.MULTILINE)
        assert len(images) == 3
    for each in images:
        tag = each.rpartition("/")[2].partition(":")[2]
        assert re.search(r"\d+\.\d+\.\d+|RELEASE\.\d{4}-\d\d-\d\dT", tag), each
        # Ours have no digest before they are built; those of this Milvus and this Grafana are not
        # known here.
        if not each.startswith(("glimpse-", "milvusdb/", "grafana/")):
            assert re.search(r"@sha256:[0-9a-f]{64}$", each), each


@pytest.mark.parametrize("name", [name for name in SERVICES if name != ONCE])
def test_every_service_is_looked_after(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"].endswith("s")


def test_weights_that_cannot_be_had_start_no_worker_and_restart_nothing() -> None:
    assert SERVICES[ONCE]["command"] == ["fetch"]
    assert SERVICES[ONCE]["restart"] == "no"
    assert "healthcheck" not in SERVICES[ONCE]
    for name in OWN[1:]:
        needed = SERVICES[name]["depends_on"][ONCE]
        assert needed == {"condition": "service_completed_successfully"}


def test_the_token_reaches_nothing_but_the_download() -> None:
    assert [name for name in SERVICES if "HF_TOKEN" in SERVICES[name].get("environment", {})] == [
        ONCE
    ]


def test_a_model_without_weights_needs_no_download(places: dict[str, str], tmp_path: Path) -> None:
    run = composed_service(tmp_path, ONCE, places).run()
    assert (run.returncode, run.stdout) == (0, "hashing needs no download\n"), run.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_waits_until_what_it_needs_is_healthy(name: str) -> None:
    needed = SERVICES[name].get("depends_on", {})
    assert set(needed) == {
        "api": {"redis"},
        "worker-search": {"redis", "milvus", ONCE},
        "worker-ingest": {"redis", "milvus", ONCE},
        "worker-ingest-gpu": {"redis", "milvus", ONCE},
        "milvus": {"etcd", "minio"},
        "grafana": {"prometheus"},
    }.get(name, set())
    needed = {on: wait for on, wait in needed.items() if on != ONCE}
    assert all(wait == {"condition": "service_healthy"} for wait in needed.values())


def test_ingest_workers_can_be_added() -> None:
    # A fixed name or port would conflict between two containers.
    assert not {"container_name", "ports"} & set(SERVICES["worker-ingest"])


def test_only_this_machine_reaches_what_is_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "api": ["127.0.0.1:8000:8000"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_only_what_calls_or_is_called_from_outside_reaches_outside() -> None:
    assert FILE["networks"] == {
        "front": None,
        "back": {"internal": True},
        "metrics": {"internal": True},
        "milvus": {"internal": True},
    }
    on = {
        network: {name for name, service in SERVICES.items() if network in service["networks"]}
        for network in FILE["networks"]
    }
    assert on == {
        "front": {"api", "prometheus", "grafana", ONCE},
        "back": {"redis", "milvus", *OWN},
        "metrics": {"prometheus", *OWN[1:]},
        "milvus": {"milvus", "etcd", "minio"},
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_little_and_use_only_so_much(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert re.fullmatch(r"\d+g", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 4096
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    if name not in ("minio", "milvus"):
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]


def test_a_container_sees_no_secret_but_its_own() -> None:
    given = {name: service.get("secrets", []) for name, service in SERVICES.items()}
    assert {name: secrets for name, secrets in given.items() if secrets} == {
        "redis": ["redis.conf"],
        "prometheus": ["metrics_key"],
        **{name: ["redis_url"] for name in OWN},
    }
    assert set(FILE["secrets"]) == {"redis.conf", "redis_url", "metrics_key"}


def test_the_services_agree_on_their_settings_and_share_the_originals() -> None:
    first = SERVICES["api"]["environment"]
    assert all(SERVICES[name]["environment"] == first for name in OWN)
    about_the_model = SERVICES[ONCE]["environment"]
    assert about_the_model.keys() - first.keys() == {"HF_ENDPOINT", "HF_TOKEN"}
    shared = first.keys() & about_the_model.keys()
    assert {name: first[name] for name in shared} == {
        name: about_the_model[name] for name in shared
    }
    assert f"models:{first['GLIMPSE_CLIP_CACHE']}" in SERVICES[ONCE]["volumes"]
    assert first["HF_HOME"].startswith(first["GLIMPSE_CLIP_CACHE"])
    assert all(f"blobs:{first['GLIMPSE_BLOBS_DIR']}" in SERVICES[name]["volumes"] for name in OWN)
    assert "http://milvus:" in first["GLIMPSE_MILVUS_URI"]


@pytest.mark.parametrize("name", [*OWN, ONCE])
def test_no_service_of_ours_runs_as_root(name: str) -> None:
    # Kubernetes can tell only of a number that it is not root.
    assert re.findall(r"^USER (\S+)", image(name).stage, re.MULTILINE) == ["10001:10001"]


@pytest.mark.parametrize("name", OWN)
def test_what_an_image_copies_is_there_and_is_not_left_out(name: str) -> None:
    text = image(name).text
    kept = {
        line[1:].rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)", text, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == kept
    assert all((ROOT / source).exists() for source in copied)


def test_the_apis_image_has_no_torch() -> None:
    text = image("api").text
    assert "-r pyproject.toml" in text
    assert re.findall(r"--extra (\S+)", text) == ["s3", "traces"]
    assert not re.search(r"\[\w+\]", " ".join(re.findall(r"pip install.*", text)))
    assert not {"torch", "torchvision", "pymilvus", "numpy", "rf-clip"} & base_install()


def test_the_workers_image_takes_torch_from_the_index_that_the_build_names() -> None:
    text = image("worker-ingest").text
    # Without an argument, torch has no CUDA.
    assert re.search(r"^ARG TORCH_BACKEND=cpu$", text, re.MULTILINE)
    assert "${TORCH_BACKEND:+--torch-backend=$TORCH_BACKEND}" in text
    assert SERVICES["worker-ingest-gpu"]["build"]["args"]["TORCH_BACKEND"] == "cu130"


def base_install() -> set[str]:
    """Return every distribution that a plain `pip install glimpse` installs."""
    wanted, found = [Requirement("glimpse")], set[str]()
    while wanted:
        parent = wanted.pop()
        found.add(canonicalize_name(parent.name))
        for line in importlib.metadata.distribution(parent.name).requires or []:
            child = Requirement(line)
            extras = [*parent.extras, ""]
            needed = not child.marker or any(child.marker.evaluate({"extra": e}) for e in extras)
            if needed and canonicalize_name(child.name) not in found:
                wanted.append(child)
    assert {"flask", "celery", "redis", "gunicorn"} <= found
    return found


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets, as the script makes them."""
    folder = tmp_path_factory.mktemp("secrets") / "made"
    subprocess.run([ROOT / "docker" / "make_secrets.sh", folder], check=True)
    return folder


def test_secrets_are_made_once_and_are_readable_by_containers_only(secrets: Path) -> None:
    files = {file.name: file.read_text() for file in secrets.iterdir()}
    assert set(files) == set(FILE["secrets"])
    subprocess.run([ROOT / "docker" / "make_secrets.sh", secrets], check=True)
    assert {file.name: file.read_text() for file in secrets.iterdir()} == files
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o444 for file in secrets.iterdir())
    password = re.fullmatch(r"requirepass ([0-9a-f]{48})\n", files["redis.conf"])
    assert password is not None
    settings = load_settings({"GLIMPSE_REDIS_URL_FILE": str(secrets / "redis_url")})
    assert settings.redis_url == f"redis://:{password[1]}@redis:6379/0"


@pytest.mark.parametrize("server", [RedisServer, Valkey])
def test_rediss_command_line_takes_effect(
    server: type[RedisServer], secrets: Path, tmp_path: Path
) -> None:
    require(server)
    program, config, *options = SERVICES["redis"]["command"]
    assert (program, config) == ("valkey-server", "/run/secrets/redis.conf")
    password = (secrets / "redis.conf").read_text().split()[1]

    class Composed(server):
        def command(self) -> list[str]:
            place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
            return [self.binary(), str(secrets / "redis.conf"), *options, *place]

    with (
        Composed(tmp_path, password) as service,
        redis.Redis.from_url(service.url, decode_responses=True) as r,
        redis.Redis(port=service.port) as stranger,
    ):
        found = {key: r.config_get(key)[key] for key in ("appendonly", "appendfsync", "save")}
        assert found == {"appendonly": "yes", "appendfsync": "everysec", "save": ""}
        assert r.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert r.config_get("maxmemory")["maxmemory"] == str(1024**3)
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        health = SERVICES["redis"]["healthcheck"]["test"][1]
        assert_healthy(health.replace("/run/secrets", str(secrets)), service.port)


def assert_healthy(check: str, port: int) -> None:
    """Run the health check with the client of whichever server is installed."""
    client = shutil.which("redis-cli")
    if client is None:
        return
    check = check.replace("valkey-cli", f"{client} -p {port}")
    assert subprocess.run(["sh", "-c", check], check=False).returncode == 0
    wrong = check.replace("s/^requirepass //p", "s/^requirepass /x/p")
    assert subprocess.run(["sh", "-c", wrong], capture_output=True, check=False).returncode != 0


def composed_service(folder: Path, name: str, places: dict[str, str]) -> Container:
    """Return a service of Glimpse, with the command line and environment from the files."""
    service = SERVICES[name]
    kind, *probe = service.get("healthcheck", {"test": ["CMD"]})["test"]
    assert kind == "CMD"
    command = image(name).command(service.get("command"))
    return Container(folder, command, service["environment"], probe, places)


@pytest.fixture(scope="module")
def places(
    valkey: Valkey, milvus_lite: MilvusLite, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    secrets = tmp_path_factory.mktemp("run_secrets")
    (secrets / "redis_url").write_text(f"{valkey.url}\n")
    data, address = tmp_path_factory.mktemp("data"), f"127.0.0.1:{free_port()}"
    return {
        "/run/secrets": str(secrets),
        "http://milvus:19530": milvus_lite.uri,
        "/data/": f"{data}/",
        "ViT-B/32": "hashing",
        "0.0.0.0:8000": address,
        "127.0.0.1:8000": address,
    }


@pytest.fixture(scope="module")
def composed(
    places: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Container]]:
    services = {
        name: composed_service(
            tmp_path_factory.mktemp(name), name, places | {METRICS: f"127.0.0.1:{free_port()}"}
        )
        for name in STARTED
    }
    # A health check must fail before the service starts; otherwise it checks nothing.
    assert not any(service.answers() for service in services.values())
    try:
        for service in services.values():
            service.start()
        yield services
    finally:
        for service in services.values():
            service.stop()


def test_the_images_default_command_is_the_files() -> None:
    assert image("api").instruction("CMD") == SERVICES["api"]["command"]
    for name in OWN[1:]:
        assert image(name).instruction("ENTRYPOINT") == ["python", "-m", "worker"]


def test_a_picture_goes_through_the_composed_services(
    composed: dict[str, Container], places: dict[str, str]
) -> None:
    assert all(service.running for service in composed.values())
    with httpx.Client(base_url=f"http://{places['0.0.0.0:8000']}", timeout=60) as client:
        ready(client)
        index_and_find_a_picture(client)
    # The containers' root is read-only.
    assert not [path for service in composed.values() for path in service.home.iterdir()]


def test_a_model_can_be_put_into_the_workers_image() -> None:
    text = image("worker-ingest").stage
    assert SERVICES["worker-ingest"]["build"]["args"] == {"MODEL": ""}
    assert re.search(r'^RUN if \[ -n "\$MODEL" \]; then .*worker fetch; fi$', text, re.MULTILINE)
    # Weights are put where the services look for them.
    for name in ("GLIMPSE_CLIP_CACHE", "HF_HOME"):
        assert f"{name}={SERVICES['worker-ingest']['environment'][name]}" in text
