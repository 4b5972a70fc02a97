"""Decoder processes: as decoders in threads, and what is left when they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from common.blobs.folder import FolderBlobs
from common.errors import (
    DecoderDied,
    DecodersUnavailable,
    DecodingTooLong,
    EncoderError,
    NotAnImage,
    NotFound,
    TooManyPixels,
    TruncatedImage,
)
from common.images.thumbnails import SIZES, file_of
from common.logs.context import bound
from common.pages import pages
from common.settings import Settings, load_settings
from tests.support.mortal_decoders import (
    BUSY,
    BUSY_LOCKED,
    DEADLY,
    ENDLESS,
    MortalPreprocessor,
    TellingPreprocessor,
    UnloadablePreprocessor,
)
from tests.support.pictures import encoded, image_id, jpeg, picture, scene
from tests.support.polling import wait_for
from worker.decoders import process as in_process
from worker.decoders.base import Decoder, Description
from worker.decoders.choose import choose_decoder
from worker.decoders.inline import InlineDecoder
from worker.decoders.process import GRANTED_BYTES, Preprocessing, Recipe
from worker.decoders.processes import DecoderProcesses
from worker.encoders.base import Preprocessor
from worker.encoders.hashing import HashingEncoder
from worker.pixel_budget import PixelBudget

PIXELS_MAX = 12_000_000
SLOT_BYTES = HashingEncoder().preprocess(scene(0)).nbytes
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
        count: int = 1,
        preprocessor: Preprocessor | None = None,
        slot_bytes: int = SLOT_BYTES,
        on_death: Callable[[], None] = lambda: None,
        **changes: object,
    ) -> DecoderProcesses:
        recipe = Recipe(
            settings.model_copy(update=changes), Preprocessing.of(preprocessor or HashingEncoder())
        )
        started.append(DecoderProcesses(count, recipe, slot_bytes, on_death))
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
        put(blobs, picture("red", (4001, 3000))): TooManyPixels,
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


def test_a_process_that_dies_is_replaced(start: Start, blobs: FolderBlobs) -> None:
    deaths: list[None] = []
    processes = start(2, MortalPreprocessor(), on_death=lambda: deaths.append(None))
    deadly = [put(blobs, encoded_colour(DEADLY, size)) for size in range(16, 20)]
    innocent = [put(blobs, encoded(scene(seed), "PNG")) for seed in range(20)]
    budget = PixelBudget()
    with ThreadPoolExecutor(2) as threads:
        found = [
            threads.submit(prepare_in, processes, key, budget).exception
            for pair in zip(deadly, pages(innocent, 5), strict=True)
            for key in (pair[0], *pair[1])
        ]
    errors = [exception() for exception in found]
    assert [type(error) for error in errors] == 4 * [DecoderDied, *5 * [type(None)]]
    assert str(errors[0]).endswith("died (signal 11).")
    assert len(deaths) == 4
    assert budget.used == 0


@pytest.mark.parametrize("colour", [BUSY, BUSY_LOCKED])
def test_a_picture_that_does_not_end_fails_and_its_process_is_replaced(
    start: Start, blobs: FolderBlobs, colour: tuple[int, int, int]
) -> None:
    processes = start(1, MortalPreprocessor(), decode_cpu_s_max=1)
    with pytest.raises(DecodingTooLong, match=r"more than 1 s of processor time"):
        prepare(processes, put(blobs, encoded_colour(colour)))
    # The limit is one for each picture.
    prepare(processes, innocent := put(blobs, encoded(scene(1), "PNG")))
    (child,) = (psutil.Process(child.pid) for child in active_children())
    while sum(child.cpu_times()[:2]) < 1.5:
        prepare(processes, innocent)
    assert child.is_running()


def test_a_picture_is_not_blamed_for_what_happened_before_it(
    start: Start, blobs: FolderBlobs
) -> None:
    deaths: list[None] = []
    processes = start(3, on_death=lambda: deaths.append(None))
    for child in active_children():
        child.kill()
        child.join()
    prepare(processes, put(blobs, picture("red")))
    assert deaths == []


def test_a_picture_is_not_blamed_for_a_process_that_dies_as_it_is_asked(
    start: Start, blobs: FolderBlobs
) -> None:
    deaths: list[None] = []
    processes = start(1, on_death=lambda: deaths.append(None))
    key = put(blobs, picture("red"))
    for _ in range(20):
        (child,) = active_children()
        child.kill()
        prepare(processes, key)
    assert deaths == []


def test_an_interrupted_request_leaves_no_answer_to_the_next_one(
    start: Start, blobs: FolderBlobs
) -> None:
    class NoMemory(PixelBudget):
        def take(self, size: int) -> None:
            raise MemoryError(size)

    processes = start(1)
    key = put(blobs, picture("blue"))
    before = prepare(processes, key)
    with pytest.raises(MemoryError):
        prepare_in(processes, put(blobs, picture("red", LARGE)), NoMemory())
    after = prepare(processes, key)
    assert np.array_equal(after[0], before[0])
    assert after[1] == before[1]


def test_they_outlive_the_server_that_forked_them(start: Start, blobs: FolderBlobs) -> None:
    processes = start(1, MortalPreprocessor())
    key = put(blobs, picture("red"))
    (server,) = {psutil.Process(child.pid).ppid() for child in active_children()}
    os.kill(server, signal.SIGKILL)
    # Python does not start another one before it is dead.
    os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
    prepare(processes, key)
    # The next process is forked by another server.
    with pytest.raises(DecoderDied):
        prepare(processes, put(blobs, encoded_colour(DEADLY)))
    prepare(processes, key)


def test_freed_memory_is_not_kept_for_long(
    start: Start, settings: Settings, blobs: FolderBlobs
) -> None:
    processes = start()
    (child,) = map(psutil.Process, [child.pid for child in active_children()])
    prepare(processes, put(blobs, picture("red")))
    before = child.memory_info().rss
    for colour in ("red", "blue"):
        # They take 46 MiB each, and some more while they are resized.
        prepare(processes, put(blobs, picture(colour, (4000, 3000))))
    assert child.memory_info().rss - before < 40 * 2**20


def test_large_pictures_wait_for_room(start: Start, blobs: FolderBlobs) -> None:
    # Room for one.
    assert LARGE[0] * LARGE[1] * 4 > GRANTED_BYTES
    budget = PixelBudget(LARGE[0] * LARGE[1] * 4)
    processes = start(2)
    keys = [put(blobs, picture(colour, LARGE)) for colour in ("red", "blue", "green", "white")]
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(prepare_in, processes, key, budget) for key in keys]
        assert {future.result(timeout=60) for future in futures} == {SLOT_BYTES}
    assert budget.used == 0


def test_a_process_that_cannot_start_is_no_fault_of_a_picture(start: Start) -> None:
    with pytest.raises(DecodersUnavailable, match=r"cannot be started \(exit status 3\)"):
        start(1, UnloadablePreprocessor())


def test_a_process_that_cannot_start_again_is_no_fault_of_a_picture(
    start: Start, blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = start(1, MortalPreprocessor())
    key = put(blobs, picture("red"))
    with pytest.raises(DecoderDied):
        prepare(processes, put(blobs, encoded_colour(DEADLY)))
    with monkeypatch.context() as patched:
        patched.setattr(in_process, "main", os.abort)
        with pytest.raises(DecodersUnavailable, match=r"cannot be started \(exit status 1\)"):
            prepare(processes, key)
    prepare(processes, key)


def test_they_end_with_their_worker(settings: Settings, blobs: FolderBlobs) -> None:
    endless = put(blobs, encoded_colour(ENDLESS))
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.decoder_owner", str(settings.blobs_dir), endless],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    pids = [int(pid) for pid in worker.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(psutil.pid_exists, pids))
    # Linux kills them first if memory runs out.
    own = int(Path("/proc/self/oom_score_adj").read_text())
    expected = str(min(own + 500, 1000))
    assert [Path(f"/proc/{pid}/oom_score_adj").read_text().strip() for pid in pids] == [
        expected
    ] * 2
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    wait_for(lambda: not any(map(psutil.pid_exists, pids)), 30, "the processes to end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_to_all_processes_leave_them_to_their_worker(
    start: Start, blobs: FolderBlobs, number: signal.Signals
) -> None:
    processes = start(2)
    before = {child.pid for child in active_children()}
    for pid in before:
        os.kill(pid, number)
    prepare(processes, put(blobs, picture("red")))
    assert {child.pid for child in active_children()} == before


def test_an_interpreter_ends_with_processes_that_nobody_closed(settings: Settings) -> None:
    code = f"""
from tests.support.mortal_decoders import MortalPreprocessor
from worker.decoders.process import Preprocessing, Recipe
from worker.decoders.processes import DecoderProcesses
from common.settings import load_settings
settings = load_settings({{"GLIMPSE_BLOBS_DIR": {str(settings.blobs_dir)!r}}})
kept = DecoderProcesses(2, Recipe(settings, Preprocessing.of(MortalPreprocessor())), 192)
raise SystemExit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 7


def test_their_log_lines_have_the_fields_of_the_task(start: Start, blobs: FolderBlobs) -> None:
    key = put(blobs, picture("red"))
    processes = start(1, TellingPreprocessor())
    with bound(job="J1", request="R1"), pytest.raises(EncoderError) as error:
        prepare(processes, key)
    assert str(error.value).endswith("{'job': 'J1', 'request': 'R1'}")


def encoded_colour(colour: tuple[int, int, int], size: int = 16) -> bytes:
    return picture("#{:02x}{:02x}{:02x}".format(*colour), (size, size))


def prepare_in(decoder: DecoderProcesses, key: str, budget: PixelBudget) -> int:
    """Prepare an image; return the size of its pixels."""
    with budget.room() as room:
        pixels = decoder.prepare("default", key, room)
    room.shrink(0)
    return pixels.nbytes
