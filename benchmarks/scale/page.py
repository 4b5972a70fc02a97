"""The web page over a large library: from opening it, or from a query, to the pictures on screen.

In Chromium, on a whole service with Milvus Lite as on a laptop. The rows and thumbnails are written
directly: the library consists of a few generated pictures under many ids.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, ViewportSize

from benchmarks.figures import Figure, Measured, middle
from benchmarks.scale.pictures import generated
from benchmarks.store.rows import write
from common.blobs.base import BlobStore
from common.blobs.folder import FolderBlobs
from common.contract import DEFAULT_TENANT, ImageRecord
from common.images.thumbnails import pack
from common.rfc3339 import rfc3339
from common.settings import Settings, load_settings
from tests.support.pictures import encoded
from tests.support.polling import ready
from tests.support.services import Stack
from tests.support.web import chromium
from tests.support.web.site import Site
from worker.decoding.decode import Decoded
from worker.encoders.registry import load_encoder
from worker.stores.base import Row
from worker.stores.registry import open_store
from worker.thumbnails.rendering import render

# Images of the small and the large library, and visits of each; less in a quick run.
_IMAGES, _VISITS = ((500, 50_000), (50, 200)), (9, 1)
# Different pictures among them, and their sizes in pixels, so that rows have different heights.
_DIFFERENT = 24
_SIZES = [(640, 480), (480, 640), (640, 640), (960, 400)]
# Maximum median until the first picture is on the screen, in milliseconds.
_FIRST_MS_MAX = 1000.0
_QUERY = "a red picture"
_VIEWPORT = ViewportSize(width=1440, height=900)
# Seconds to wait for the service to become ready, on a busy machine.
_READY_S = 120.0

# Whether a share of the pictures in the window, and at least one, are shown.
_SHOWN = """share => {
    const isInWindow = image => {
        const box = image.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight;
    };
    const images = [...document.querySelectorAll('#grid .tile img')].filter(isInWindow);
    const shown = images.filter(image => image.complete && image.naturalWidth > 0).length;
    const isBusy = document.querySelector('#results[aria-busy]') !== null;
    return !isBusy && shown > 0 && shown >= share * images.length;
}"""
# What a visitor waits for: the share of the pictures in the window.
_WAITS = {"first picture": 0.0, "whole window": 1.0}


def measure(quick: bool) -> Measured:
    """Measure a small and a large library in turn."""
    visits = _VISITS[quick]
    with chromium.started() as browser:
        raw: dict[int, dict[str, list[float]]] = {}
        for count in _IMAGES[quick]:
            with _library(count) as url:
                raw[count] = _visits(browser, url, visits)
    return Measured(list(_figures(raw)), {str(count): found for count, found in raw.items()})


@contextmanager
def _library(count: int) -> Iterator[str]:
    """Run a service with images, and yield its URL."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), {"GLIMPSE_MODEL": "hashing"}) as stack,
    ):
        ready(stack.client, _READY_S)
        _fill(load_settings(stack.settings), count)
        yield stack.api.url


def _fill(settings: Settings, count: int) -> None:
    encoder, blobs = load_encoder(settings), FolderBlobs(Path(settings.blobs_dir))
    pictures, originals, thumbnails = _pictures()
    vectors = encoder.encode_images([encoder.preprocess(picture) for picture in pictures])
    rows = []
    for number in range(count):
        which = number % _DIFFERENT
        record = _record(number, pictures[which].size)
        rows.append(Row(DEFAULT_TENANT, record, vectors[which], "made"))
        _store(blobs, record.id, originals[which], thumbnails[which])
    with closing(open_store(settings, encoder)) as store:
        store.open()
        write(store, rows)


@cache
def _pictures() -> tuple[list[Image.Image], list[bytes], list[dict[str, bytes]]]:
    """Return the different pictures, their files and their thumbnails."""
    pictures = [generated(seed, _SIZES[seed % len(_SIZES)]) for seed in range(_DIFFERENT)]
    originals = [encoded(picture, "JPEG") for picture in pictures]
    thumbnails = [pack(render(Decoded(picture, *picture.size, "JPEG"))) for picture in pictures]
    return pictures, originals, thumbnails


def _store(blobs: BlobStore, image_id: str, data: bytes, thumbnails: Mapping[str, bytes]) -> None:
    writer = blobs.writer(DEFAULT_TENANT)
    writer.write(data)
    writer.commit(image_id)
    for name, thumbnail in thumbnails.items():
        blobs.put_rendition(DEFAULT_TENANT, image_id, name, thumbnail)


def _record(number: int, size: tuple[int, int]) -> ImageRecord:
    return ImageRecord(
        id=f"{number:064x}",
        filename=f"album {number // 100}/picture {number}.jpg",
        bytes=100_000,
        width=size[0],
        height=size[1],
        format="JPEG",
        indexed_at=rfc3339(time.time() - 60 * number),
    )


def _visits(browser: Browser, url: str, count: int) -> dict[str, list[float]]:
    """Visit with an empty browser cache each time; return milliseconds by what was waited for.

    The first visit only warms up.
    """
    found: dict[str, list[float]] = {}
    for number in range(count + 1):
        times = _visit(Site(browser.new_page(viewport=_VIEWPORT), url))
        if number:
            for name, ms in times.items():
                found.setdefault(name, []).append(ms)
    return found


def _visit(site: Site) -> Mapping[str, float]:
    page, times = site.page, {}

    def timed(name: str, act: Callable[[], object]) -> None:
        begun = time.perf_counter()
        act()
        for what, share in _WAITS.items():
            page.wait_for_function(_SHOWN, arg=share)
            times[f"{name}, {what}"] = 1000 * (time.perf_counter() - begun)

    timed("opened", lambda: page.goto(url=site.url, wait_until="commit"))
    timed("searched", lambda: site.search(_QUERY))
    page.context.close()
    return times


def _figures(raw: Mapping[int, Mapping[str, list[float]]]) -> Iterator[Figure]:
    for count, found in raw.items():
        for name, ms in found.items():
            bound = _FIRST_MS_MAX if name.endswith("first picture") else None
            yield Figure(f"{count:,} images: {name}", middle(ms), "ms", at_most=bound)
