"""The perceptual hash tells copies of a picture from other pictures."""

from __future__ import annotations

import pytest
from PIL import Image, ImageEnhance

from common.blobs.memory import MemoryBlobs
from common.contract import ImageRecord
from tests.support.pictures import encoded, image_id, scene
from worker.edits.photo import StoredPhotoInfo
from worker.perceptual_hash import FLAT, HashReader, perceptual_hash
from worker.search.duplicates import DISTANCE_MAX, distance

SIZE = (320, 240)


def reopened(image: Image.Image, kind: str, **options: int) -> str | None:
    return HashReader(10**6).read(encoded(image, kind, **options))


def apart(one: str | None, other: str | None) -> int:
    bits = distance(one, other)
    assert bits is not None
    return bits


@pytest.mark.parametrize("seed", range(8))
def test_copies_are_near(seed: int) -> None:
    image = scene(seed, SIZE)
    own = perceptual_hash(image)
    copies = {
        "smaller": perceptual_hash(image.resize((90, 68))),
        "brighter": perceptual_hash(ImageEnhance.Brightness(image).enhance(1.1)),
        "grey": perceptual_hash(image.convert("L").convert("RGB")),
        "cropped": perceptual_hash(image.crop((3, 2, 317, 238))),
        "compressed": reopened(image, "JPEG", quality=30),
        "another format": reopened(image, "WEBP", quality=60),
    }
    distances = {name: apart(own, each) for name, each in copies.items()}
    assert max(distances.values()) <= DISTANCE_MAX, distances


def test_other_pictures_are_far() -> None:
    hashes = [perceptual_hash(scene(seed, SIZE)) for seed in range(40)]
    distances = [apart(one, other) for at, one in enumerate(hashes) for other in hashes[:at]]
    assert min(distances) > DISTANCE_MAX


def test_a_large_jpeg_has_the_hash_of_its_fraction() -> None:
    image = scene(1, (1600, 1200))
    found = HashReader(10**7).read(encoded(image, "JPEG"))
    assert apart(found, perceptual_hash(image)) <= 2


def test_a_flat_picture_has_none_to_compare() -> None:
    assert perceptual_hash(Image.new("RGB", (320, 240), "red")) == FLAT
    assert reopened(Image.new("RGB", (1, 1), "white"), "PNG") == FLAT


@pytest.mark.parametrize("data", [b"", b"not a picture", encoded(scene(1, SIZE), "PNG")[:400]])
def test_bytes_that_are_no_picture_have_no_hash(data: bytes) -> None:
    assert HashReader(10**6).read(data) is None


def test_a_refresh_computes_a_missing_hash_once() -> None:
    blobs, data = MemoryBlobs(), encoded(scene(1, SIZE), "PNG")
    writer = blobs.writer("default")
    writer.write(data)
    writer.commit(image_id(data))
    about = {"filename": "a.png", "bytes": len(data), "width": 320, "height": 240}
    record = ImageRecord(
        id=image_id(data), format="PNG", indexed_at="2026-01-31T12:00:00Z", **about
    )
    reads: list[bytes] = []

    def read_hash(read: bytes) -> str | None:
        reads.append(read)
        return HashReader(10**6).read(read)

    photos = StoredPhotoInfo(blobs, lambda *_: None, read_hash=read_hash)
    refreshed = photos.refreshed("default", record)
    assert refreshed.perceptual_hash == perceptual_hash(scene(1, SIZE))
    assert photos.refreshed("default", refreshed) == refreshed
    assert reads == [data]
