"""Thumbnails as workers make them: while an image is ingested, and on demand."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from common.blobs.memory import MemoryBlobs
from common.contract import CatalogRequest, IngestChunk, ThumbnailRequest, ThumbnailResult
from common.errors import BlobsFull, Overloaded, WorkerUnavailable
from common.images.thumbnails import SIZES, file_of, size_to_store, unpack
from tests.support.ingest_bench import Bench, Shared, worker
from tests.support.pictures import (
    encoded,
    image_id,
    jpeg,
    picture,
    scene,
    sixteen_bit_png,
    transparent_palette_png,
    truncated_jpeg,
    turned,
)
from worker import resizer
from worker.decoders.inline import InlineDecoder
from worker.decoding.decode import decode
from worker.encoders.hashing import HashingEncoder
from worker.pixel_budget import PixelBudget
from worker.thumbnails.ingested import IngestedThumbnails
from worker.thumbnails.missing import MissingThumbnails
from worker.thumbnails.rendering import render, shrunk

PIXELS_MAX = 10_000_000


class NoRoomForThumbnails(MemoryBlobs):
    """A blob store without room for a rendition."""

    def put_rendition(self, tenant: str, blob_id: str, name: str, data: bytes) -> None:
        raise BlobsFull(f"No room for {len(data)} bytes of {tenant}/{blob_id}/{name}.")


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def bench(shared: Shared) -> Iterator[Bench]:
    with ingest(shared) as bench:
        yield bench


def ingest(shared: Shared) -> AbstractContextManager[Bench]:
    """Return a worker that makes thumbnails of what it ingests."""
    keep = IngestedThumbnails(shared.blobs).keep
    decoder = InlineDecoder(shared.blobs, HashingEncoder(), PIXELS_MAX, on_decoded=keep)
    return worker(shared, decoder=decoder)


def missing(shared: Shared, budget: PixelBudget | None = None) -> MissingThumbnails:
    return MissingThumbnails(shared.blobs, shared.store, PIXELS_MAX, budget, wait_s=0)


def index_without_thumbnails(shared: Shared, data: bytes) -> str:
    """Index a picture as a version of Glimpse without thumbnails did; return its id."""
    decoder = InlineDecoder(shared.blobs, HashingEncoder(), PIXELS_MAX)
    with worker(shared, decoder=decoder) as bench:
        assert bench.states(shared.put(data)) == [("indexed", None)]
    return image_id(data)


def stored(shared: Shared, image: str) -> dict[int, Image.Image]:
    """Return the stored thumbnails by size."""
    files = {size: shared.blobs.rendition("default", image, file_of(size)) for size in SIZES}
    found = {size: unpack(file, size) for size, file in files.items()}
    return {size: opened(data) for size, data in found.items() if data is not None}


def opened(data: bytes) -> Image.Image:
    assert unpack(data, 1024) == data
    return Image.open(io.BytesIO(data))


def sizes(shared: Shared, image: str) -> dict[int, tuple[int, int]]:
    return {size: thumbnail.size for size, thumbnail in stored(shared, image).items()}


def ask(
    shared: Shared, image: str, size: int, budget: PixelBudget | None = None
) -> ThumbnailResult:
    return missing(shared, budget).run(ThumbnailRequest(id=image, size=size))


def full() -> PixelBudget:
    """Return a budget without room for anything else."""
    budget = PixelBudget(1)
    budget.take(1)
    return budget


def shown(result: ThumbnailResult) -> Image.Image:
    assert (result.refused, result.error) == (None, None)
    return opened(base64.b64decode(result.data))


def ingested(bench: Bench, data: bytes) -> IngestChunk:
    chunk = bench.shared.put(data)
    assert bench.states(chunk) == [("indexed", None)]
    return chunk


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (picture(size=(2000, 1000)), {150: (150, 75), 300: (300, 150), 1024: (1024, 512)}),
        (picture(size=(30, 400)), {150: (11, 150), 300: (22, 300)}),
        (picture(size=(40, 30)), {150: (40, 30), 300: (40, 30)}),
        (picture(size=(3000, 1)), {150: (150, 1), 300: (300, 1), 1024: (1024, 1)}),
    ],
)
def test_an_ingested_image_has_its_thumbnails(
    bench: Bench, shared: Shared, data: bytes, expected: dict[int, tuple[int, int]]
) -> None:
    ingested(bench, data)
    assert sizes(shared, image_id(data)) == expected


def test_a_jpeg_of_which_few_pixels_were_decoded_has_what_they_suffice_for() -> None:
    decoded = decode(jpeg(size=(4000, 3000)), 100_000_000, 448)
    assert decoded.image.size == (1000, 750)
    made = render(decoded)
    assert {size: opened(data).size for size, data in made.items()} == {
        150: (150, 112),
        300: (300, 225),
    }
    # The model sees the same pixels as without thumbnails.
    assert decoded.image.size == (1000, 750)


@pytest.mark.parametrize(
    ("data", "at", "colour"),
    [
        # Turned upright: red is above blue.
        (turned("JPEG"), (0.5, 0.1), (255, 0, 0)),
        # On white.
        (transparent_palette_png(), (0.1, 0.1), (255, 255, 255)),
        # The brightest of 16 bits.
        (sixteen_bit_png(), (0.99, 0.5), (255, 255, 255)),
        (picture("#3366cc", size=(500, 400)), (0.5, 0.5), (0x33, 0x66, 0xCC)),
    ],
)
def test_a_thumbnail_looks_like_its_picture(
    data: bytes, at: tuple[float, float], colour: tuple[int, int, int]
) -> None:
    for thumbnail in render(decode(data, PIXELS_MAX)).values():
        image = opened(thumbnail).convert("RGB")
        point = (int(at[0] * image.width), int(at[1] * image.height))
        assert image.getpixel(point) == pytest.approx(colour, abs=12)


def test_a_thumbnail_carries_no_metadata_of_its_file() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret"
    data = encoded(Image.new("RGB", (20, 20)), "JPEG", exif=exif, comment=b"secret")
    assert b"secret" in data
    for thumbnail in render(decode(data, PIXELS_MAX)).values():
        assert b"secret" not in thumbnail


def test_a_store_without_room_for_thumbnails_fails_no_image(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shared = Shared(blobs=NoRoomForThumbnails())
    with ingest(shared) as bench:
        ingested(bench, picture())
    assert "thumbnails.not_stored" in caplog.text
    assert shown(ask(shared, image_id(picture()), 150)).size == (40, 30)


def test_a_fault_in_a_thumbnail_fails_no_image(
    bench: Bench, shared: Shared, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    data = picture()

    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        # The ingest decodes and resizes, but cannot encode.
        patch.setattr(simplejpeg, "encode_jpeg", no_memory)
        ingested(bench, data)
    assert "thumbnails.not_rendered" in caplog.text
    assert stored(shared, image_id(picture())) == {}
    assert shown(ask(shared, image_id(picture()), 150)).size == (40, 30)


def test_a_deletion_takes_the_thumbnails_along(bench: Bench, shared: Shared) -> None:
    ingested(bench, picture())
    image = image_id(picture())
    assert set(stored(shared, image)) == {150, 300}
    shared.deletion().run(CatalogRequest(ids=[image]))
    assert stored(shared, image) == {}
    ingested(bench, picture())
    assert set(stored(shared, image)) == {150, 300}


@pytest.mark.parametrize("size", SIZES)
def test_a_missing_thumbnail_is_made_and_stored_with_the_smaller_ones(
    shared: Shared, size: int
) -> None:
    image = index_without_thumbnails(shared, jpeg(size=(2200, 1100)))
    assert stored(shared, image) == {}
    assert shown(ask(shared, image, size)).size == (size, size // 2)
    found = sizes(shared, image)
    assert {kept for kept in SIZES if kept <= size} <= set(found)
    assert found == {kept: (kept, kept // 2) for kept in found}


@pytest.mark.parametrize("size", [16, 149, 151, 640])
def test_another_size_is_made_from_the_next_larger_stored_one(shared: Shared, size: int) -> None:
    image = index_without_thumbnails(shared, jpeg(size=(1600, 800)))
    assert shown(ask(shared, image, size)).size == (size, round(size / 2))
    assert size_to_store(size) in stored(shared, image)
    # From now on the original is not decoded.
    assert shown(ask(shared, image, size, full())).size == (size, round(size / 2))


def test_a_damaged_thumbnail_is_replaced(bench: Bench, shared: Shared) -> None:
    ingested(bench, picture())
    image = image_id(picture())
    name = file_of(300)
    whole = shared.blobs.rendition("default", image, name)
    assert whole is not None
    for damaged in (b"", whole[:-1], bytes(len(whole))):
        shared.blobs.put_rendition("default", image, name, damaged)
        assert base64.b64decode(ask(shared, image, 300).data) == unpack(whole, 300)
        assert shared.blobs.rendition("default", image, name) == whole


def test_only_what_an_ingest_worker_has_decoded_is_decoded_on_demand(shared: Shared) -> None:
    shared.put(picture())
    refused = ask(shared, image_id(picture()), 150).refused
    assert refused is not None
    assert refused.code == "not_found"
    assert "until it is indexed" in refused.detail


def test_an_original_that_is_gone_or_damaged_has_no_thumbnail(shared: Shared) -> None:
    image = index_without_thumbnails(shared, picture())
    shared.blobs.delete("default", image)
    gone = ask(shared, image, 150).refused
    writer = shared.blobs.writer("default")
    writer.write(truncated_jpeg())
    writer.commit(image)
    budget = PixelBudget(PIXELS_MAX)
    damaged = ask(shared, image, 150, budget).refused
    assert budget.used == 0
    assert gone is not None
    assert damaged is not None
    assert (gone.code, damaged.code) == ("not_found", "truncated")


@pytest.mark.parametrize("error", [MemoryError(), ValueError("Insufficient memory (case 10)")])
def test_without_memory_a_thumbnail_is_refused_for_now(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    image = index_without_thumbnails(shared, picture(size=(10, 10)))
    with pytest.raises(Overloaded, match="in use"):
        ask(shared, image, 150, full())

    def no_memory(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(simplejpeg, "encode_jpeg", no_memory)
        with pytest.raises(Overloaded, match="not enough memory"):
            ask(shared, image, 150)
    assert shown(ask(shared, image, 150)).size == (10, 10)


def test_a_thumbnail_that_comes_too_late_is_stored_and_not_sent(shared: Shared) -> None:
    image = index_without_thumbnails(shared, picture())
    request = ThumbnailRequest(id=image, size=150)
    with pytest.raises(WorkerUnavailable, match="timed out"):
        missing(shared).run(request, lambda: False)
    assert 150 in stored(shared, image)


@pytest.mark.parametrize("wide", [301, 450, 599, 601, 800, 1001, 2500])
@pytest.mark.parametrize("high", [1, 2, 299, 433, 750])
def test_a_thumbnail_looks_as_pillow_would_make_it(
    wide: int, high: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scene(3, (wide, high))
    size = (300, max(1, round(high * 300 / wide)))
    if high > wide:
        size = (max(1, round(wide * 300 / high)), 300)
    theirs = whole.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0)
    ours = np.asarray(shrunk(whole, 300), dtype=int)
    assert ours.shape == (*size[::-1], 3)
    assert np.abs(ours - np.asarray(theirs)).max() <= 2
    monkeypatch.setattr(resizer, "_IS_INSTALLED", False)
    assert shrunk(whole, 300) == theirs
