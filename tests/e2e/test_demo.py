"""`glimpse demo`, run by `make demo`: it produces a contact sheet and leaves no processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import require
from tests.support.make import make
from tests.support.services import MilvusLite, Valkey
from tests.support.services.glimpse_up import GlimpseUp


class Demo(GlimpseUp):
    """The demo on a folder of pictures; it counts as started once its stack is starting."""

    name = "glimpse demo"
    forked_from = None

    def __init__(self, folder: Path, photos: Path) -> None:
        super().__init__(folder)
        self.arguments = ["--photos", str(photos), "--query", "red", "--data", str(self.data)]

    def command(self) -> list[str]:
        return [sys.executable, "-m", "cli", "demo", *self.arguments]

    def answers(self) -> bool:
        return (self.data / "parts.json").exists()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for colour in ("red", "blue"):
        Image.new("RGB", (64, 64), colour).save(folder / f"{colour}.png")
    return folder


@pytest.fixture
def demo(tmp_path: Path, photos: Path) -> Iterator[Demo]:
    require(Valkey)
    require(MilvusLite)
    demo = Demo(tmp_path, photos)
    yield demo
    # If it did not end as a test expects, it would outlive the tests.
    demo.kill()


def test_it_shows_what_it_found_and_embeds_nothing_twice(demo: Demo, photos: Path) -> None:
    sheet = demo.folder / "contact-sheet.png"
    given = {"PHOTOS": photos, "QUERY": "red", "SHEET": sheet, "DATA": demo.data}
    for counts in ("2 indexed, 0 duplicates", "0 indexed, 2 duplicates"):
        run = make("demo", environ=demo.environ(), **given)
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith(counts)
        assert '"red", by hashing:\n1\t' in run.stdout
        assert run.stdout.split("\n1\t")[1].split("\t")[1] == "photos/red.png"
        with Image.open(sheet) as image:
            assert image.size == (750, 300)
        assert demo.processes() == []


def test_where_nothing_can_be_found_it_fails(demo: Demo, photos: Path) -> None:
    for file in photos.iterdir():
        file.write_text("no picture")
    run = demo.glimpse("demo", *demo.arguments)
    assert run.returncode == 1
    assert "not_an_image" in run.stdout
    assert 'No pictures found for "red".' in run.stderr
    assert demo.processes() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_stops_what_it_started(demo: Demo, number: signal.Signals) -> None:
    demo.start()
    demo.signal(number)
    assert demo.wait() == 130
    assert demo.processes() == []
    assert demo.log.read_text().endswith("Interrupted.\n")


@pytest.mark.parametrize(
    ("place", "refusal"),
    [
        ("photos", "--data: {}/photos holds other files (blue.png, red.png)."),
        ("photos/red.png", "'--data': Directory '{}/photos/red.png' is a file."),
        ("photos/red.png/data", "--data: {}/photos/red.png/data cannot be used: "),
    ],
)
def test_a_folder_that_cannot_be_the_data_folder_is_refused_and_left_as_it_is(
    tmp_path: Path, photos: Path, place: str, refusal: str
) -> None:
    before = sorted(photos.iterdir())
    arguments = ["demo", "--photos", str(photos), "--data", str(tmp_path / place)]
    run = subprocess.run([sys.executable, "-m", "cli", *arguments], capture_output=True, text=True)
    assert run.returncode == 2
    assert refusal.format(tmp_path) in run.stderr
    assert sorted(photos.iterdir()) == before


def test_a_stack_that_does_not_start_says_why(demo: Demo) -> None:
    demo.environ = lambda: GlimpseUp.environ(demo) | {"GLIMPSE_MODEL": "starte"}  # type: ignore[method-assign]
    run = demo.glimpse("demo", *demo.arguments)
    assert run.returncode == 1
    assert "Did you mean starter?" in run.stderr
    assert demo.processes() == []
