"""The whole path with real photographs: HTTP, queue, model, Milvus, and back."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.conftest import require
from tests.support.polling import finished_job, ready
from tests.support.services import MilvusLite, Stack, Valkey

# Photographs per category, and categories.
PER_CATEGORY, CATEGORIES = 5, 20


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {"GLIMPSE_MODEL": "starter", "GLIMPSE_TORCH_THREADS": "1"}
    with Stack(tmp_path_factory.mktemp("stack"), settings, forked=False) as stack:
        ready(stack.client)
        yield stack


@pytest.fixture(scope="module")
def client(stack: Stack) -> httpx.Client:
    return stack.client


@pytest.fixture(scope="module")
def files(photos: Path) -> list[Path]:
    folders = [photos / "dalmatian", *sorted(path for path in photos.iterdir() if path.is_dir())]
    chosen = list(dict.fromkeys(folders))[:CATEGORIES]
    return [file for folder in chosen for file in sorted(folder.glob("*.jpg"))[:PER_CATEGORY]]


@pytest.fixture(scope="module")
def job(client: httpx.Client, files: list[Path]) -> dict[str, object]:
    parts = [("file", (f"{file.parent.name}/{file.name}", file.read_bytes())) for file in files]
    response = client.post("/v1/images", files=parts)
    assert response.status_code == 202, response.text
    return finished_job(client, response.headers["Location"])


def search(client: httpx.Client, **body: object) -> list[dict[str, object]]:
    response = client.post("/v1/searches", json=body, headers={"Prefer": "wait=30"})
    assert response.status_code == 200, response.text
    hits: list[dict[str, object]] = response.json()["hits"]
    return hits


def test_every_photograph_is_indexed(job: dict[str, object]) -> None:
    assert (job["state"], job["indexed"]) == ("succeeded", PER_CATEGORY * CATEGORIES)


@pytest.mark.usefixtures("job")
def test_each_photograph_finds_itself(client: httpx.Client, files: list[Path]) -> None:
    for file in files:
        image_id = hashlib.sha256(file.read_bytes()).hexdigest()
        best = search(client, image_id=image_id, top_k=1)[0]
        assert best["id"] == image_id, file
        assert best["score"] >= 0.99, file


@pytest.mark.usefixtures("job")
def test_a_white_dog_finds_dalmatians(client: httpx.Client) -> None:
    best = search(client, text="a white dog", top_k=3)
    assert [str(hit["filename"]).split("/")[0] for hit in best] == ["dalmatian"] * 3


@pytest.mark.usefixtures("job")
def test_the_contact_sheet_shows_the_hits(client: httpx.Client) -> None:
    response = client.post("/v1/searches", json={"text": "a white dog"})
    sheet = client.get(f"{response.headers['Location']}/contact-sheet.png")
    drawn = Image.open(io.BytesIO(sheet.content))
    assert (drawn.format, drawn.size) == ("PNG", (750, 300))
    tiles = [drawn.crop((x, y, x + 150, y + 150)) for y in (0, 150) for x in range(0, 750, 150)]
    # A tile with a photograph has many colours; the background has one.
    assert all(len(tile.getcolors(150 * 150)) > 100 for tile in tiles)


@pytest.mark.usefixtures("job")
def test_uploading_again_embeds_nothing(client: httpx.Client, files: list[Path]) -> None:
    parts = [("file", (file.name, file.read_bytes())) for file in files]
    response = client.post("/v1/images", files=parts)
    again = finished_job(client, response.headers["Location"])
    assert (again["duplicates"], again["indexed"]) == (len(files), 0)


@pytest.mark.usefixtures("job")
def test_an_image_is_described_and_shown(client: httpx.Client, files: list[Path]) -> None:
    data = files[0].read_bytes()
    image = client.get(f"/v1/images/{hashlib.sha256(data).hexdigest()}").json()
    with Image.open(files[0]) as original:
        assert (image["width"], image["height"]) == original.size
    assert image["filename"] == f"{files[0].parent.name}/{files[0].name}"
    assert client.get(image["links"]["content"]).content == data
    thumbnail = client.get(image["links"]["thumbnail"])
    assert max(Image.open(io.BytesIO(thumbnail.content)).size) == 150


@pytest.mark.usefixtures("job")
def test_known_images_are_told_from_missing_ones(client: httpx.Client, files: list[Path]) -> None:
    known = hashlib.sha256(files[0].read_bytes()).hexdigest()
    answer = client.post("/v1/images/check", json={"ids": ["0" * 64, known]})
    assert answer.json() == {"known": [known], "missing": ["0" * 64], "renamed": []}


def test_searches_come_first_where_processors_are_short(stack: Stack) -> None:
    search, ingest = niceness(stack.search_worker.pid), niceness(stack.ingest_worker.pid)
    assert search == {0}
    # Every thread, including the model's.
    assert ingest == {10}


def niceness(pid: int) -> set[int]:
    """Return the niceness of each thread of a process."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return {os.getpriority(os.PRIO_PROCESS, int(thread.name)) for thread in threads}
