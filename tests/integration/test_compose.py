"""Checks docker-compose.yml and its Dockerfiles without a Docker engine.

The tests run the command lines of Glimpse's own services and of Redis as processes.
They cannot run those of etcd, MinIO and Milvus, whose programs exist only in the
images; these command lines come from Milvus's own docker-compose.yml.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from tests.conftest import require
from tests.support.polling import finished_job, ready
from tests.support.services import MilvusLite, RedisServer, Service, Valkey, free_port

ROOT = Path(__file__).parent.parent.parent
COMPOSE = ROOT / "docker-compose.yml"
OWN = ("api", "worker-search", "worker-ingest")
# It ends once its work is done; the others run until they are stopped.
ONCE = "model"


def load() -> dict[str, Any]:
    """Parse the file as Compose does without variables set: each takes its default."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", COMPOSE.read_text())
    assert "${" not in text
    return yaml.safe_load(text)


SERVICES: dict[str, Any] = load()["services"]


def dockerfile(service: str) -> str:
    """Return the final stage of the Dockerfile that builds a service."""
    text = (ROOT / SERVICES[service]["build"]["dockerfile"]).read_text()
    return "FROM " + text.split("\nFROM ")[-1]


def instruction(service: str, name: str) -> list[str]:
    """Return an instruction's arguments from its JSON form; empty if it has none."""
    found = re.search(rf"^{name} (\[.*\])$", dockerfile(service), re.MULTILINE)
    return json.loads(found[1]) if found else []


def test_the_file_meets_the_compose_specification() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    run = subprocess.run([*checker, str(COMPOSE)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_the_services_are_those_of_the_design() -> None:
    assert set(SERVICES) == {"redis", "etcd", "minio", "milvus", *OWN, ONCE}


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    images = [SERVICES[name]["image"]]
    if "build" in SERVICES[name]:
        text = (ROOT / SERVICES[name]["build"]["dockerfile"]).read_text()
        images += re.findall(r"^FROM (\S+)", text, re.MULTILINE)
        assert len(images) == 3
    for image in images:
        tag = image.rpartition("/")[2].partition(":")[2]
        assert re.search(r"\d+\.\d+\.\d+|RELEASE\.\d{4}-\d\d-\d\dT", tag), image


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
    for name in ("worker-search", "worker-ingest"):
        needed = SERVICES[name]["depends_on"][ONCE]
        assert needed == {"condition": "service_completed_successfully"}


def test_the_token_reaches_nothing_but_the_download() -> None:
    assert [name for name in SERVICES if "HF_TOKEN" in SERVICES[name].get("environment", {})] == [
        ONCE
    ]


def test_a_model_without_weights_needs_no_download(places: dict[str, str]) -> None:
    service = Composed(Path(), ONCE, places)
    environ = {**os.environ, **service.environ()}
    run = subprocess.run(
        service.command(), env=environ, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "hashing needs no download\n"), run.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_waits_until_what_it_needs_is_healthy(name: str) -> None:
    needed = SERVICES[name].get("depends_on", {})
    assert set(needed) == {
        "api": {"redis"},
        "worker-search": {"redis", "milvus", ONCE},
        "worker-ingest": {"redis", "milvus", ONCE},
        "milvus": {"etcd", "minio"},
    }.get(name, set())
    needed = {on: wait for on, wait in needed.items() if on != ONCE}
    assert all(wait == {"condition": "service_healthy"} for wait in needed.values())


def test_ingest_workers_can_be_added() -> None:
    # A fixed name or port would conflict between two containers.
    assert not {"container_name", "ports"} & set(SERVICES["worker-ingest"])


def test_only_the_api_is_published_and_to_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8000:8000"]}


def test_the_services_agree_on_their_settings_and_share_the_originals() -> None:
    first = SERVICES["api"]["environment"]
    assert all(SERVICES[name]["environment"] == first for name in OWN)
    assert first.items() <= SERVICES[ONCE]["environment"].items()
    assert f"models:{first['GLIMPSE_CLIP_CACHE']}" in SERVICES[ONCE]["volumes"]
    assert first["HF_HOME"].startswith(first["GLIMPSE_CLIP_CACHE"])
    assert all(f"blobs:{first['GLIMPSE_BLOBS_DIR']}" in SERVICES[name]["volumes"] for name in OWN)
    assert "redis://redis:" in first["GLIMPSE_REDIS_URL"]
    assert "http://milvus:" in first["GLIMPSE_MILVUS_URI"]


@pytest.mark.parametrize("name", [*OWN, ONCE])
def test_no_service_of_ours_runs_as_root(name: str) -> None:
    assert re.findall(r"^USER (\S+)", dockerfile(name), re.MULTILINE) == ["glimpse"]


@pytest.mark.parametrize("name", OWN)
def test_what_an_image_copies_is_there_and_is_not_left_out(name: str) -> None:
    text = (ROOT / SERVICES[name]["build"]["dockerfile"]).read_text()
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
    text = (ROOT / SERVICES["api"]["build"]["dockerfile"]).read_text()
    assert "-r pyproject.toml" in text
    assert re.findall(r"--extra (\S+)", text) == ["s3"]
    assert not re.search(r"\[\w+\]", " ".join(re.findall(r"pip install.*", text)))
    assert not {"torch", "torchvision", "pymilvus", "numpy", "rf-clip"} & base_install()


def test_the_workers_image_takes_torch_from_the_index_that_the_build_names() -> None:
    text = (ROOT / SERVICES["worker-ingest"]["build"]["dockerfile"]).read_text()
    # Without an argument, torch has no CUDA.
    assert re.search(r"^ARG TORCH_BACKEND=cpu$", text, re.MULTILINE)
    assert "${TORCH_BACKEND:+--torch-backend=$TORCH_BACKEND}" in text


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


@pytest.mark.parametrize("server", [RedisServer, Valkey])
def test_rediss_command_line_takes_effect(server: type[RedisServer], tmp_path: Path) -> None:
    require(server)
    command = SERVICES["redis"]["command"]
    assert command[0] == "redis-server"

    class Composed(server):
        def command(self) -> list[str]:
            place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
            return [self.binary(), *command[1:], *place]

    with (
        Composed(tmp_path) as service,
        redis.Redis.from_url(service.url, decode_responses=True) as r,
    ):
        options = {key: r.config_get(key)[key] for key in ("appendonly", "appendfsync", "save")}
        assert options == {"appendonly": "yes", "appendfsync": "everysec", "save": ""}
        assert r.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert r.config_get("maxmemory")["maxmemory"] == str(1024**3)


class Composed(Service):
    """A service of Glimpse, run with the command line and environment from the files.

    Args:
            folder: Folder for the service's log.
        service: Its name in docker-compose.yml.
            places: Hosts, folders and ports in the files, mapped to their local counterparts.
    """

    name = "service"
    start_s = 90.0
    stop_s = 40.0

    def __init__(self, folder: Path, service: str, places: dict[str, str]) -> None:
        super().__init__(folder)
        self.service = service
        self.places = places

    def command(self) -> list[str]:
        service = SERVICES[self.service]
        command = service.get("command") or instruction(self.service, "CMD")
        return self.here([*instruction(self.service, "ENTRYPOINT"), *command])

    def environ(self) -> dict[str, str]:
        environment = SERVICES[self.service]["environment"]
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # A shorter heartbeat interval, so that the tests need not wait.
        own = {"PATH": programs, "PYTHONPATH": str(ROOT), "GLIMPSE_HEARTBEAT_S": "0.5"}
        return own | dict(zip(environment, self.here(environment.values()), strict=True))

    def here(self, words: Any) -> list[str]:
        return [self._place(str(word)) for word in words]

    def answers(self) -> bool:
        return self.health() == 0

    def health(self) -> int:
        """Run the file's health check and return its exit status."""
        kind, *command = SERVICES[self.service]["healthcheck"]["test"]
        assert kind == "CMD"
        environ = {**os.environ, **self.environ()}
        check = subprocess.run(
            self.here(command), env=environ, capture_output=True, cwd=self.folder, check=False
        )
        return check.returncode

    def _place(self, word: str) -> str:
        for there, here in self.places.items():
            word = word.replace(there, here)
        return word


@pytest.fixture(scope="module")
def places(
    valkey: Valkey, milvus_lite: MilvusLite, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    data, address = tmp_path_factory.mktemp("data"), f"127.0.0.1:{free_port()}"
    return {
        "redis://redis:6379/0": valkey.url,
        "http://milvus:19530": milvus_lite.uri,
        "/data/": f"{data}/",
        "ViT-B/32": "hashing",
        "0.0.0.0:8000": address,
        "127.0.0.1:8000": address,
    }


@pytest.fixture(scope="module")
def composed(
    places: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Composed]]:
    services = {name: Composed(tmp_path_factory.mktemp(name), name, places) for name in OWN}
    # A health check must fail before the service starts; otherwise it checks nothing.
    assert all(service.health() != 0 for service in services.values())
    try:
        for service in services.values():
            service.start()
        yield services
    finally:
        for service in services.values():
            service.stop()


def test_the_images_default_command_is_the_files(composed: dict[str, Composed]) -> None:
    assert instruction("api", "CMD") == SERVICES["api"]["command"]
    for name in ("worker-search", "worker-ingest"):
        assert instruction(name, "ENTRYPOINT") == ["python", "-m", "worker"]


def test_a_picture_goes_through_the_composed_services(
    composed: dict[str, Composed], places: dict[str, str]
) -> None:
    assert all(service.running for service in composed.values())
    with httpx.Client(base_url=f"http://{places['0.0.0.0:8000']}", timeout=60) as client:
        ready(client)
        picture = io.BytesIO()
        Image.new("RGB", (64, 64), "red").save(picture, "PNG")
        response = client.post("/v1/images", files={"file": ("red.png", picture.getvalue())})
        job = finished_job(client, response.headers["Location"])
        assert (job["state"], job["indexed"]) == ("succeeded", 1)
        answer = client.post("/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=30"})
        assert [hit["filename"] for hit in answer.json()["hits"]] == ["red.png"]


def test_a_model_can_be_put_into_the_workers_image() -> None:
    text = dockerfile("worker-ingest")
    assert SERVICES["worker-ingest"]["build"]["args"] == {"MODEL": ""}
    assert re.search(r'^RUN if \[ -n "\$MODEL" \]; then .*worker fetch; fi$', text, re.MULTILINE)
    # Weights are put where the services look for them.
    for name in ("GLIMPSE_CLIP_CACHE", "HF_HOME"):
        assert f"{name}={SERVICES['worker-ingest']['environment'][name]}" in text
