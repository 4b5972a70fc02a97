"""Thumbnails: what making them costs the ingest, their size and time by format, their latency."""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from PIL import Image

from benchmarks import weights
from benchmarks.figures import Figure, Measured, latency_figures, middle
from benchmarks.scale.pictures import generated
from common.blobs.folder import FolderBlobs
from common.contract import ChunkItem, IngestChunk
from common.images.thumbnails import SIZES
from common.settings import load_settings
from tests.support.pictures import encoded, image_id
from tests.support.polling import finished_job, ready
from tests.support.services import Stack
from worker.decoders.inline import InlineDecoder
from worker.decoding.decode import Decoded
from worker.encoders.base import Encoder
from worker.encoders.registry import load_encoder
from worker.ingest.pictures import PictureReader
from worker.thumbnails.ingested import IngestedThumbnails
from worker.thumbnails.rendering import shrunk

# Sizes of the generated pictures, in pixels, by kind; ``_QUICK`` in a quick run.
_KINDS = {"web": (800, 600), "camera": (4000, 3000)}
_QUICK = {"web": (320, 240), "camera": (1200, 900)}
# Pictures of each kind, and rounds of each comparison; fewer in a quick run.
_PICTURES, _ROUNDS = (6, 3), (9, 2)
# Upper bounds on the ingest's processor time with thumbnails, as a multiple of that without, and on
# the thumbnails' share of it in percent, which other programs on the machine distort less.
_COST_MAX, _SHARE_MAX = 1.05, 5.0
# Formats compared: Pillow's name and options, by name in the figures.
_FORMATS: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "JPEG": ("JPEG", {"quality": 85}),
    "WebP": ("WEBP", {"quality": 80, "method": 4}),
    "WebP, fastest": ("WEBP", {"quality": 80, "method": 0}),
}
# Requests for each stored thumbnail.
_REPEATS = (100, 3)
_PER_IMAGE = "grows with the number of images"
# Seconds to wait for the service to become ready, on a busy machine.
_READY_S = 120.0


def measure(quick: bool) -> Measured:
    """Measure all three."""
    kinds = _QUICK if quick else _KINDS
    count, rounds, repeats = (pair[quick] for pair in (_PICTURES, _ROUNDS, _REPEATS))
    pictures = {kind: jpegs(count, size) for kind, size in kinds.items()}
    cost = _cost(pictures, rounds, quick)
    formats = _formats(pictures["camera"])
    latencies = _latencies(pictures["camera"], repeats)
    figures = [*_cost_figures(cost), *_format_figures(formats)]
    for name, ms in latencies.items():
        figures += latency_figures(name, ms)
    return Measured(figures, {"cost": cost, "formats": formats, "latencies": latencies})


def jpegs(count: int, size: tuple[int, int]) -> list[bytes]:
    """Return generated JPEGs with the quality of a camera's."""
    return [encoded(generated(seed, size), "JPEG", quality=90) for seed in range(count)]


def _cost(
    pictures: Mapping[str, Sequence[bytes]], rounds: int, quick: bool
) -> dict[str, dict[str, list[float]]]:
    """Return the processor milliseconds per picture, by kind, with and without thumbnails."""
    with weights.chosen(None, quick) as variables, tempfile.TemporaryDirectory() as folder:
        settings = load_settings(variables)
        encoder = load_encoder(settings, bulk=True)
        blobs, pixels_max = FolderBlobs(Path(folder)), settings.image_pixels_max
        return {
            kind: _compare(blobs, pixels_max, encoder, _stored(blobs, files), rounds)
            for kind, files in pictures.items()
        }


def _stored(blobs: FolderBlobs, files: Sequence[bytes]) -> IngestChunk:
    """Store files as originals; return a chunk of them."""
    items = []
    for index, data in enumerate(files):
        item = ChunkItem(index=index, id=image_id(data), filename=f"{index}.jpg")
        writer = blobs.writer("default")
        writer.write(data)
        writer.commit(item.id)
        items.append(item)
    return IngestChunk(job_id="job", items=items)


def _compare(
    blobs: FolderBlobs, pixels_max: int, encoder: Encoder, chunk: IngestChunk, rounds: int
) -> dict[str, list[float]]:
    """Ingest a chunk with and without thumbnails in turns; the first round only warms up.

    Returns:
        Processor milliseconds per picture ``with`` and ``without`` them, and of the thumbnails
        ``alone`` in the same rounds.
    """
    keep, alone = IngestedThumbnails(blobs).keep, []

    def timed(tenant: str, image: str, decoded: Decoded) -> None:
        alone.append(_cpu_ms(lambda: keep(tenant, image, decoded), time.thread_time))

    decoders = {
        "with": InlineDecoder(blobs, encoder, pixels_max, on_decoded=timed),
        "without": InlineDecoder(blobs, encoder, pixels_max),
    }
    readers = {name: PictureReader(decoder) for name, decoder in decoders.items()}
    found: dict[str, list[float]] = {"with": [], "without": [], "alone": []}
    count = len(chunk.items)
    for number in range(rounds + 1):
        alone.clear()
        # In alternating order, so that neither is always the first.
        for name in sorted(readers, reverse=number % 2 == 1):
            spent = _cpu_ms(partial(_ingest, readers[name], encoder, chunk))
            found[name].append(spent / count)
        found["alone"].append(sum(alone) / count)
    return {name: values[1:] for name, values in found.items()}


def _ingest(reader: PictureReader, encoder: Encoder, chunk: IngestChunk) -> None:
    """Read, decode, preprocess and encode a chunk as one batch."""
    encoder.encode_images([reader.read(item, chunk, "owner").pixels for item in chunk.items])


def _cpu_ms(run: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the processor time of a call, by default of all threads, in milliseconds."""
    begun = clock()
    run()
    return 1000 * (clock() - begun)


def _cost_figures(cost: Mapping[str, Mapping[str, Sequence[float]]]) -> Iterator[Figure]:
    for kind, found in cost.items():
        rounds = list(zip(found["with"], found["without"], found["alone"], strict=True))
        ratio = middle([after / before for after, before, _ in rounds])
        share = middle([100 * alone / (after - alone) for after, _, alone in rounds])
        for name in ("without", "with"):
            yield Figure(f"{kind}, ingest {name} thumbnails", middle(found[name]), "ms/image")
        yield Figure(f"{kind}, with / without", ratio, "times", at_most=_COST_MAX)
        yield Figure(f"{kind}, thumbnails / the rest", share, "%", at_most=_SHARE_MAX)


def _formats(files: Sequence[bytes]) -> dict[str, dict[int, tuple[float, float]]]:
    """Return bytes and processor milliseconds of one thumbnail, by format and size."""
    found: dict[str, dict[int, tuple[float, float]]] = {name: {} for name in _FORMATS}
    images: list[Image.Image] = [Image.open(io.BytesIO(data)) for data in files]
    for size in reversed(SIZES):
        images = [shrunk(image, size) for image in images]
        for name, (kind, options) in _FORMATS.items():
            written: list[bytes] = []
            spent = _cpu_ms(
                lambda: written.extend(encoded(image, kind, **options) for image in images)  # noqa: B023
            )
            count = len(images)
            found[name][size] = (sum(map(len, written)) / count, spent / count)
    return found


def _format_figures(found: Mapping[str, Mapping[int, tuple[float, float]]]) -> Iterator[Figure]:
    for name, sizes in found.items():
        for size, (count, ms) in sizes.items():
            yield Figure(f"{name}, {size} px", count / 1000, "kB", scales=_PER_IMAGE)
            yield Figure(f"{name}, {size} px, time", ms, "ms")


def _latencies(files: Sequence[bytes], repeats: int) -> dict[str, list[float]]:
    """Return the milliseconds of each kind of request to a whole service."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder), files) as stack:
        renditions = Path(stack.settings["GLIMPSE_BLOBS_DIR"]) / "default" / "renditions"
        ids = [image_id(data) for data in files]
        found = {"stored, 150 px": _times_ms(stack, ids * repeats, 150)}
        found["another size, 200 px"] = _times_ms(stack, ids, 200)
        for size in (300, 1024):
            shutil.rmtree(renditions)
            found[f"on demand, {size} px"] = _times_ms(stack, ids, size)
        return found


@contextmanager
def _served(folder: Path, files: Sequence[bytes]) -> Iterator[Stack]:
    with Stack(folder, {"GLIMPSE_MODEL": "hashing"}) as stack:
        ready(stack.client, _READY_S)
        parts = [("file", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(files)]
        job = stack.client.post("/v1/images", files=parts).raise_for_status().json()
        finished_job(stack.client, job["links"]["self"])
        yield stack


def _times_ms(stack: Stack, ids: Sequence[str], size: int) -> list[float]:
    times = []
    for image in ids:
        begun = time.perf_counter()
        answer = stack.client.get(f"/v1/images/{image}/thumbnail", params={"size": size})
        times.append(1000 * (time.perf_counter() - begun))
        answer.raise_for_status()
    return times
