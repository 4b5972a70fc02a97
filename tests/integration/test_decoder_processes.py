"""Decoder processes: as decoders in threads, and what is left when they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.blobs.folder import FolderBlobs
from common.errors import (
    EncoderError,
    NotAnImage,
    NotFound,
    Quarantined,
    ServiceError,
    TooManyPixels,
    TruncatedImage,
)
from common.images.thumbnails import SIZES, file_of
from common.settings import Settings, load_settings
from tests.support.mortal_decoders import (
    DEADLY,
    DEADLY_ONCE,
    MortalPreprocessor,
    UnloadablePreprocessor,
)
from tests.support.pictures import encoded, image_id, jpeg, picture, scene
from tests.support.polling import wait_for
from worker.decoders.base import Decoder, Description
from worker.decoders.choose import choose_decoder
from worker.decoders.inline import InlineDecoder
from worker.decoders.process import GRANTED_BYTES, Preprocessing, Recipe
from worker.decoders.processes import DecoderProcesses
from worker.encoders.base import Preprocessor
from worker.encoders.hashing import HashingEncoder
from worker.pixel_budget import PixelBudget

PIXELS_MAX = 4_000_000
SLOT_BYTES = HashingEncoder().preprocess(scene(0)).nbytes
ATTEMPTS_MAX = 3
# Large enough that a process asks for room, and different for each seed.
LARGE = (1400, 1000)

Start = Callable[..., DecoderProcesses]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "blobs"
    folder.mkdir()
    return load_settings(
        {"GLIMPSE_BLOBS_DIR": str(folder), "GLIMPSE_IMAGE_PIXELS_MAX": str(PIXELS_MAX)}
    )


@pytest.fixture
def blobs(settings: Settings) -> FolderBlobs:
    return FolderBlobs(settings.blobs_dir)


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    started = []

    def start(
        count: int = 1, preprocessor: Preprocessor | None = None, slot_bytes: int = SLOT_BYTES
    ) -> DecoderProcesses:
        recipe = Recipe(settings, Preprocessing.of(preprocessor or HashingEncoder()))
        started.append(DecoderProcesses(count, recipe, slot_bytes, ATTEMPTS_MAX, lambda: None))
        return started[-1]

    yield start
    for one in started:
        one.close()


def put(blobs: FolderBlobs, data: bytes) -> str:
    writer = blobs.writer("default")
    writer.write(data)
    writer.commit(image_id(data))
    return image_id(data)


def prepare(decoder: Decoder, key: str) -> tuple[NDArray[np.uint8], Description]:
    budget = PixelBudget()
    with budget.room() as room:
        found = decoder.prepare_new("default", key, room)
    # Whoever encodes the picture gives back the rest.
    assert budget.used == found[0].nbytes
    room.shrink(0)
    return found


def thumbnails(blobs: FolderBlobs, key: str) -> dict[str, bytes]:
    """Return the files of an image's thumbnails by name."""
    files = {name: blobs.rendition("default", key, name) for name in map(file_of, SIZES)}
    return {name: data for name, data in files.items() if data is not None}


def test_they_prepare_what_threads_do(start: Start, settings: Settings, blobs: FolderBlobs) -> None:
    inline = InlineDecoder.of(settings, blobs, HashingEncoder())
    processes = start(2)
    files = [picture("red"), jpeg(1, LARGE), encoded(scene(2), "WEBP"), encoded(scene(3), "HEIF")]
    for data in files:
        key = put(blobs, data)
        pixels, description = prepare(inline, key)
        expected = thumbnails(blobs, key)
        assert expected
        for name in expected:
            blobs.put_rendition("default", key, name, b"")
        again, described = prepare(processes, key)
        assert np.array_equal(again, pixels)
        assert described == description
        assert thumbnails(blobs, key) == expected
        with PixelBudget().room() as room:
            assert np.array_equal(processes.prepare("default", key, room), pixels)


def test_their_errors_are_those_of_threads(
    start: Start, settings: Settings, blobs: FolderBlobs
) -> None:
    inline, processes = InlineDecoder.of(settings, blobs, HashingEncoder()), start()
    whole = encoded(scene(1), "PNG")
    errors = {
        put(blobs, b"text"): NotAnImage,
        put(blobs, whole[: len(whole) // 2]): TruncatedImage,
        put(blobs, picture("red", (2001, 2000))): TooManyPixels,
        image_id(b"missing"): NotFound,
    }
    for key, kind in errors.items():
        with pytest.raises(kind) as expected:
            prepare(inline, key)
        with pytest.raises(kind) as found:
            prepare(processes, key)
        assert str(found.value) == str(expected.value)
    # The process is the same, and works.
    prepare(processes, put(blobs, whole))


@pytest.mark.parametrize(
    ("decode_in", "device", "kind"),
    [
        ("auto", "cpu", InlineDecoder),
        ("auto", "cuda", DecoderProcesses),
        ("auto", "mps", DecoderProcesses),
        ("threads", "cuda", InlineDecoder),
        ("processes", "cpu", DecoderProcesses),
    ],
)
def test_a_gpu_gets_them_unless_the_settings_differ(
    settings: Settings, blobs: FolderBlobs, decode_in: str, device: str, kind: type[Decoder]
) -> None:
    encoder = HashingEncoder()
    encoder.device = device
    chosen = settings.model_copy(update={"decode_in": decode_in, "decode_threads": 1})
    decoder = choose_decoder(chosen, blobs, encoder, encoder.preprocess(scene(0)))
    prepare(decoder, put(blobs, picture("red")))
    decoder.close()
    assert type(decoder) is kind


def test_pixels_that_do_not_fit_are_an_error(start: Start, blobs: FolderBlobs) -> None:
    with pytest.raises(EncoderError, match="could not be prepared"):
        prepare(start(slot_bytes=SLOT_BYTES - 1), put(blobs, picture("red")))


def test_a_deadly_picture_is_quarantined_and_the_others_are_not(
    start: Start, blobs: FolderBlobs, tmp_path: Path
) -> None:
    mortal = MortalPreprocessor(tmp_path)
    processes = start(2, mortal)
    deadly = put(blobs, encoded_colour(DEADLY))
    innocent = [put(blobs, encoded(scene(seed), "PNG")) for seed in range(40)]
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(prepare, processes, key) for key in [deadly, *innocent]]
    with pytest.raises(Quarantined, match="replay its dead letter"):
        futures[0].result()
    assert all(future.exception() is None for future in futures[1:])
    # It was tried again while no other was in progress.
    _, *again = mortal.deaths()
    assert again == [1] * (ATTEMPTS_MAX - 1)


def test_a_picture_that_kills_once_is_prepared(
    start: Start, blobs: FolderBlobs, tmp_path: Path
) -> None:
    mortal = MortalPreprocessor(tmp_path)
    prepare(start(1, mortal), put(blobs, encoded_colour(DEADLY_ONCE)))
    assert mortal.deaths() == [1]


def test_two_deadly_pictures_at_once_do_not_wait_for_each_other(
    start: Start, blobs: FolderBlobs, tmp_path: Path
) -> None:
    mortal = MortalPreprocessor(tmp_path)
    processes = start(2, mortal)
    deadly = [put(blobs, encoded_colour(DEADLY, size)) for size in (16, 17, 18, 19)]
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(prepare, processes, key) for key in deadly]
        errors = [future.exception(timeout=60) for future in futures]
    assert [type(error) for error in errors] == [Quarantined] * 4
    assert len(mortal.deaths()) == 4 * ATTEMPTS_MAX


def test_large_pictures_wait_for_room(start: Start, blobs: FolderBlobs) -> None:
    # Room for one, so that two would wait forever if each kept what it was granted.
    assert LARGE[0] * LARGE[1] * 4 > GRANTED_BYTES
    budget = PixelBudget(LARGE[0] * LARGE[1] * 4)
    processes = start(2)
    keys = [put(blobs, picture(colour, LARGE)) for colour in ("red", "blue", "green", "white")]
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(prepare_in, processes, key, budget) for key in keys]
        assert {future.result(timeout=60) for future in futures} == {SLOT_BYTES}
    assert budget.used == 0


def test_a_process_that_cannot_start_is_no_fault_of_a_picture(start: Start) -> None:
    with pytest.raises(ServiceError, match=r"cannot be started \(exit status 3\)"):
        start(1, UnloadablePreprocessor())


def test_they_end_with_their_worker(settings: Settings) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.decoder_owner", str(settings.blobs_dir)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    pids = [int(pid) for pid in worker.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(runs, pids))
    # Linux kills them first if memory runs out.
    assert all(int(Path(f"/proc/{pid}/oom_score_adj").read_text()) >= 500 for pid in pids)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    wait_for(lambda: not any(map(runs, pids)), 30, "the processes to end")


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def encoded_colour(colour: tuple[int, int, int], size: int = 16) -> bytes:
    return picture("#{:02x}{:02x}{:02x}".format(*colour), (size, size))


def prepare_in(decoder: DecoderProcesses, key: str, budget: PixelBudget) -> int:
    """Prepare an image; return the size of its pixels."""
    with budget.room() as room:
        pixels = decoder.prepare("default", key, room)
    room.shrink(0)
    return pixels.nbytes
