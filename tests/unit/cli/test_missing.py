"""Which pictures are uploaded: hashing, checks with the server, and packing into requests."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from cli.bulk import hashing, missing, upload_requests
from cli.bulk.daemon_pool import DaemonPool
from cli.bulk.hashing import Hashed, hash_pictures
from cli.bulk.missing import Missing
from cli.bulk.pictures import Picture, Unreadable, find_pictures
from cli.bulk.upload_requests import PictureSet, pack
from common.settings import Settings
from glimpse_client import Glimpse


class Catalog:
    """A server that answers which images it knows, and records the requests."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.known = set(known)
        self.questions: list[list[str]] = []
        self.client = Glimpse(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        ids = json.loads(request.content)["ids"]
        self.questions.append(ids)
        known = [image_id for image_id in ids if image_id in self.known]
        return httpx.Response(200, json={"known": known, "missing": []})


def image_id(content: int) -> str:
    return f"{content:064x}"


def hashed(*contents: int, size: int = 1) -> list[Hashed]:
    return [
        Hashed(Picture(Path(f"/{n}.jpg"), f"{n}.jpg"), image_id(content), size)
        for n, content in enumerate(contents)
    ]


def names(pictures: Iterable[Hashed]) -> list[str]:
    return [picture.picture.name for picture in pictures]


def test_hashes_come_in_the_order_of_the_pictures(tmp_path: Path) -> None:
    contents = [f"{n:03}".encode() for n in range(300)]
    for content in contents:
        (tmp_path / f"{content.decode()}.jpg").write_bytes(content)
    with DaemonPool(3) as pool:
        found = list(hash_pictures(find_pictures([tmp_path], []), pool, []))
    assert [picture.id for picture in found] == [hashlib.sha256(c).hexdigest() for c in contents]
    assert {picture.bytes for picture in found} == {3}


def test_what_cannot_be_read_is_listed_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "good.jpg").write_bytes(b"x")
    (tmp_path / "lost.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    unreadable: list[Unreadable] = []
    with DaemonPool(2) as pool:
        found = list(hash_pictures(find_pictures([tmp_path], []), pool, unreadable))
    assert [picture.picture.path.name for picture in found] == ["good.jpg"]
    assert [(file.name.split("/")[1], file.reason) for file in unreadable] == [
        ("lost.jpg", "No such file or directory"),
        ("pipe.jpg", "It is not a regular file."),
    ]


def test_hashing_keeps_a_bounded_way_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_AHEAD", 5)
    (tmp_path / "a.jpg").write_bytes(b"x")
    taken = []

    def endless() -> Iterable[Picture]:
        while True:
            taken.append(1)
            yield Picture(tmp_path / "a.jpg", "a.jpg")

    with DaemonPool(2) as pool:
        found = hash_pictures(endless(), pool, [])
        for _ in range(100):
            next(found)
    assert len(taken) == 104


def test_only_what_is_missing_is_left() -> None:
    catalog = Catalog([image_id(1), image_id(3)])
    found = Missing(catalog.client)
    assert names(found.among(hashed(0, 1, 2, 3))) == ["0.jpg", "2.jpg"]
    assert (found.known, found.copies) == (2, 0)


def test_the_same_bytes_are_left_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "_IDS_MIN", 3)
    catalog = Catalog([image_id(7)])
    found = Missing(catalog.client)
    # Copies arrive both before and after the server has answered for their id.
    left = found.among(hashed(7, 7, 5, 5, 6, 7, 5))
    assert names(left) == ["2.jpg", "4.jpg"]
    assert (found.known, found.copies) == (3, 2)
    assert catalog.questions == [[image_id(7), image_id(5), image_id(6)]]


def test_another_file_with_the_same_bytes_is_found_once() -> None:
    found = Missing(Catalog().client)
    assert names(found.among(hashed(5, 5, 5))) == ["0.jpg"]
    other = found.pop_copy(image_id(5))
    assert other is not None
    assert other.picture.name == "1.jpg"
    assert names(found.pop_copies(image_id(5))) == ["2.jpg"]
    assert found.pop_copy(image_id(5)) is None
    assert found.copies == 0


def test_questions_grow_from_small_to_large() -> None:
    catalog = Catalog()
    assert len(list(Missing(catalog.client).among(hashed(*range(5000))))) == 5000
    sizes = [len(ids) for ids in catalog.questions]
    assert sizes == [100, 200, 400, 800, 1600, 1600, 300]


def test_the_first_question_comes_before_all_is_hashed() -> None:
    pictures = iter(hashed(*range(1000)))
    assert next(Missing(Catalog().client).among(pictures)).id == image_id(0)
    assert len(list(pictures)) == 900


def test_large_pictures_are_asked_for_sooner() -> None:
    catalog = Catalog()
    list(Missing(catalog.client).among(hashed(*range(7), size=100 * 1024**2)))
    assert [len(ids) for ids in catalog.questions] == [3, 3, 1]


def test_requests_are_bounded_in_pictures_and_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [request.files for request in pack(hashed(*range(250)))] == [96, 96, 58]
    assert 96 % Settings.model_fields["chunk_images"].default == 0
    monkeypatch.setattr(upload_requests, "_BYTES_MAX", 9)
    assert [request.files for request in pack(hashed(*range(5), size=4))] == [2, 2, 1]
    assert [request.files for request in pack(hashed(*range(3), size=50))] == [1, 1, 1]
    assert list(pack([])) == []


def test_a_request_is_halved_without_loss() -> None:
    pictures = PictureSet(tuple(hashed(1, 2, 3)))
    first, second = pictures.halves()
    assert first.pictures + second.pictures == pictures.pictures
    assert (first.files, second.files) == (1, 2)
