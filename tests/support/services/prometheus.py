"""Prometheus from the Debian package, on a configuration that a test writes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.plain_http import PLAIN
from tests.support.services.ports import free_port
from tests.support.services.process import Service

# The folder of the containers' configuration.
_DOCKER = Path(__file__).parent.parent.parent.parent / "docker"


def scraping(api: str, workers: Sequence[str]) -> dict[str, Any]:
    """Return the configuration in docker/ for an API and workers on this machine.

    Args:
        api: The API's host and port.
        workers: Those of the workers' metrics.
    """
    config: dict[str, Any] = yaml.safe_load((_DOCKER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(_DOCKER / "alerts.yml")]
    targets = {"glimpse": [api], "glimpse-workers": list(workers)}
    for job in config["scrape_configs"]:
        # Names exist in the containers' network only.
        del job["dns_sd_configs"]
        job.pop("authorization", None)
        job["static_configs"] = [{"targets": targets[job["job_name"]]}]
    return config


class Prometheus(Service):
    """A Prometheus that scrapes every second.

    Args:
        folder: Folder of its data, configuration and log.
        config: Its configuration.
    """

    name = "Prometheus"

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        super().__init__(folder)
        self.url = f"http://{self.address}:{free_port()}"
        (folder / "prometheus.yml").write_text(yaml.safe_dump(dict(config)))

    @classmethod
    def absent(cls) -> str | None:
        if shutil.which("prometheus") is None or shutil.which("promtool") is None:
            return "prometheus is not on PATH (Debian package prometheus)"
        return None

    def command(self) -> list[str]:
        return [
            "prometheus",
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2, **PLAIN).status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **query: str) -> Any:
        """Return the data of an answer of its API."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=30, **PLAIN).json()
        assert answer["status"] == "success", answer
        return answer["data"]


def promtool(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    return subprocess.run(
        ["promtool", *arguments], input=stdin, capture_output=True, text=True, check=False
    )
