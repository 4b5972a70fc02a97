"""The API behind a real nginx, with the configuration of the documentation."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from glimpse_client import Glimpse
from tests.conftest import require
from tests.support.containers import ROOT
from tests.support.pictures import picture
from tests.support.services import Api, Service, Valkey, free_port

ORIGIN = "https://pages.example"


class Nginx(Service):
    """nginx before an API, published at a path.

    Args:
        folder: Folder of its configuration and log.
        api: The API's address.
    """

    name = "nginx"

    def __init__(self, folder: Path, api: str) -> None:
        super().__init__(folder)
        self.address = f"127.0.0.1:{free_port()}"
        (folder / "nginx.conf").write_text(self._configuration(api))

    @classmethod
    def absent(cls) -> str | None:
        return None if shutil.which("nginx") else "nginx is not on PATH (Debian package nginx)"

    def command(self) -> list[str]:
        return ["nginx", "-p", str(self.folder), "-c", "nginx.conf", "-e", "error.log"]

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/nothing", timeout=2).status_code == 404
        except httpx.TransportError:
            return False

    def _configuration(self, api: str) -> str:
        """Return the documentation's configuration, for these addresses."""
        text = (ROOT / "docs" / "operations.md").read_text()
        (block,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
        block = block.replace("http://127.0.0.1:8000", api)
        block = block.replace("server {", f"server {{\n    listen {self.address};", 1)
        folders = "".join(
            f"    {name}_temp_path {name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {}\n"
            f"http {{\n    access_log off;\n{folders}{block}}}\n"
        )


@pytest.fixture(scope="module")
def published(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL at which nginx publishes an API."""
    require(Nginx)
    folder = tmp_path_factory.mktemp("proxy")
    settings = {
        "GLIMPSE_REDIS_URL": valkey.url,
        "GLIMPSE_BLOBS_DIR": str(folder / "blobs"),
        "GLIMPSE_OPEN_TO": "network",
        "GLIMPSE_PROXY_HOPS": "1",
        "GLIMPSE_PATH_PREFIX": "/photos",
        "GLIMPSE_CORS_ORIGINS": ORIGIN,
    }
    with Api(folder / "api", settings) as api, Nginx(folder / "nginx", api.url) as proxy:
        yield f"http://{proxy.address}"
        log = api.log.read_text()
    # Whatever address a caller claims, the log has the one that nginx saw.
    assert '127.0.0.1 "POST /photos/v1/images' in log
    assert "192.0.2.9" not in log


@pytest.fixture
def client(published: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=published, timeout=60) as client:
        yield client


def test_an_upload_and_its_job_are_below_the_path(client: httpx.Client) -> None:
    headers = {"Content-Type": "image/png", "X-Forwarded-For": "192.0.2.9"}
    headers["X-Forwarded-Prefix"] = "/forged"
    response = client.post("/photos/v1/images", content=picture(), headers=headers)
    assert response.status_code == 202
    assert response.headers["Location"].startswith("/photos/v1/jobs/")
    job = client.get(response.headers["Location"]).raise_for_status().json()
    assert job["links"]["self"] == response.headers["Location"]


def test_pages_and_their_files_are_below_the_path(client: httpx.Client) -> None:
    for page in ("/photos/", "/photos/docs"):
        html = client.get(page).raise_for_status().text
        for place in re.findall(r'(?:href|src)="(/[^"]+)"', html):
            assert client.get(place).status_code == 200, place
    assert client.get("/photos/openapi.json").json()["servers"] == [{"url": "/photos"}]


def test_the_client_works_below_the_path(published: str) -> None:
    with Glimpse(f"{published}/photos") as glimpse:
        job = glimpse.upload(("blue.png", picture("blue")))
        assert glimpse.job(job.id).total == 1


def test_a_preflight_comes_through(client: httpx.Client) -> None:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    response = client.options("/photos/v1/images", headers=headers)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
