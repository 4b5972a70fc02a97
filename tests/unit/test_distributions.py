"""The two distributions: the contents of their wheels, and what they share."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent.parent
CLIENT = ROOT / "glimpse_client"


def wheel_files(project: Path) -> set[str]:
    files = WheelBuilder(str(project)).recurse_included_files()
    return {file.distribution_path for file in files}


def client_version() -> str:
    return tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]["version"]


def test_the_clients_wheel_is_the_package_and_nothing_else() -> None:
    modules = {f"glimpse_client/{path.name}" for path in CLIENT.glob("*.py")}
    assert wheel_files(CLIENT) == {*modules, "glimpse_client/py.typed"}


def test_the_services_wheel_leaves_the_client_to_its_distribution() -> None:
    assert {file.split("/")[0] for file in wheel_files(ROOT)} == {"api", "cli", "common", "worker"}


def test_the_service_has_the_clients_version_and_requires_it() -> None:
    metadata = WheelBuilder(str(ROOT)).metadata
    assert metadata.version == client_version()
    assert f"glimpse-client=={client_version()}" in metadata.core.dependencies


def test_the_images_are_tagged_with_the_version() -> None:
    files = [ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*.yaml")]
    text = "\n".join(path.read_text() for path in files)
    tags = re.findall(r"(?:image|value): glimpse-\w+:(.+)", text)
    tags += re.findall(r"name: glimpse-\w+\n +newTag: (.+)", text)
    assert len(tags) == 7
    assert {tag.removesuffix("-cuda") for tag in tags} == {client_version()}


def test_both_are_under_the_same_licence() -> None:
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
