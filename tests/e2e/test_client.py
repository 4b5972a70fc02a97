"""The client library against real processes: uploads are found, even if the API dies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glimpse_client import Glimpse, RetryPolicy
from tests.support.pictures import image_id, picture
from tests.support.services import Stack

ROOT = Path(__file__).parent.parent.parent
CLIENT = ROOT / "glimpse_client"

UV = (sys.executable, "-m", "uv")

# Packages of the service that the client must not depend on.
HEAVY = {"flask", "celery", "redis", "torch", "pillow", "click", "rich", "numpy", "glimpse"}


@pytest.fixture
def glimpse(shared_stack: Stack, api_key: str) -> Iterator[Glimpse]:
    with Glimpse(shared_stack.api.url, api_key=api_key, retry_policy=RetryPolicy(120)) as glimpse:
        yield glimpse


def test_what_is_uploaded_is_found(glimpse: Glimpse, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(picture("red"))
    job = glimpse.wait(
        glimpse.upload(tmp_path / "red.png", ("blue.png", picture("blue")), tags=["plain"])
    )
    assert (job.state, job.indexed) == ("succeeded", 2)
    found = glimpse.search(picture=tmp_path / "red.png", filter={"tags": {"any": ["plain"]}})
    assert [hit.filename for hit in found.hits] == ["red.png", "blue.png"]
    assert glimpse.contact_sheet(found).startswith(b"\x89PNG")
    assert glimpse.content(image_id(picture("red"))) == picture("red")
    assert glimpse.delete(image_id(picture("red")))
    assert glimpse.check([image_id(picture("red"))]).known == ()


def test_an_api_that_is_killed_meanwhile_loses_and_doubles_nothing(
    glimpse: Glimpse, shared_stack: Stack
) -> None:
    """Each upload is one job, and each picture is indexed."""
    before = {job.id for job in glimpse.jobs()}
    pictures = [picture(f"#4400{n:02x}") for n in range(40)]

    def upload(number: int) -> str:
        job = glimpse.upload((f"{number}.png", pictures[number])).id
        if number == 10:
            shared_stack.api.kill()
            shared_stack.api.start()
        return job

    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(upload, range(len(pictures))))
    jobs = [glimpse.wait(job_id) for job_id in ids]
    # If the task was sent before the kill but the job not accepted, the retried upload finds the
    # image already indexed.
    assert [job.indexed + job.duplicates for job in jobs] == [1] * len(pictures)
    assert [job.state for job in jobs] == ["succeeded"] * len(pictures)
    assert glimpse.check([image_id(data) for data in pictures]).missing == ()
    assert {job.id for job in glimpse.jobs()} - before == set(ids)


def call(*command: str | Path, cwd: Path) -> str:
    """Run a program that must succeed; return its output."""
    # Make uv use the system's certificates, as in the Makefile.
    environ = {**os.environ, "UV_SYSTEM_CERTS": "1"}
    run = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with only the client's wheel installed.

    The wheel is built from the source distribution, so that both are tested.
    """
    folder = tmp_path_factory.mktemp("alone")
    build = (sys.executable, "-m", "hatchling", "build", "--directory", folder, "--target")
    call(*build, "sdist", cwd=CLIENT)
    (source,) = folder.glob("*.tar.gz")
    call("tar", "-xf", source, cwd=folder)
    call(*build, "wheel", cwd=folder / source.name.removesuffix(".tar.gz"))
    call(*UV, "venv", "--python", sys.executable, "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    pins = ("--constraint", ROOT / "constraints.txt")
    call(*UV, "pip", "install", "--python", python, *pins, *folder.glob("*.whl"), cwd=folder)
    return python


@pytest.fixture(scope="module")
def example(alone: Path, shared_stack: Stack, api_key: str) -> Path:
    """The example of the client's README, as a program that uses this stack."""
    (code,) = re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    program = alone.parent.parent.parent / "example.py"
    opened = 'Glimpse("http://127.0.0.1:8000")'
    assert opened in code
    here = f'Glimpse("{shared_stack.api.url}", api_key="{api_key}")'
    program.write_text(code.replace(opened, here))
    return program


def test_the_client_alone_brings_little_with_it(alone: Path) -> None:
    listed = call(*UV, "pip", "freeze", "--python", alone, cwd=alone.parent)
    names = set(re.findall(r"^[a-z0-9-]+", listed, re.MULTILINE))
    assert {"glimpse-client", "httpx"} <= names
    assert not names & HEAVY


def test_the_readmes_example_runs_on_the_client_alone(alone: Path, example: Path) -> None:
    (example.parent / "dog.jpg").write_bytes(picture("white"))
    (example.parent / "cat.png").write_bytes(picture("black"))
    first, *hits = call(alone, example, cwd=example.parent).splitlines()
    assert first == "succeeded 2"
    assert {hit.split()[1] for hit in hits} == {"dog.jpg", "pets/cat.png"}


def test_the_readmes_example_passes_strict_type_checks(alone: Path, example: Path) -> None:
    check = (sys.executable, "-m", "mypy", "--strict", "--python-executable", alone)
    assert "Success" in call(*check, example, cwd=example.parent)
