"""``python -m benchmarks.limits``: measure each limit, and report the figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks import options, photographs, weights
from benchmarks.limits import decoding, encoder, loopback, redis, store
from benchmarks.report import Report


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the measurements.

    Attributes:
        batches: Batch sizes of the encoder.
        pictures: Pictures of each pass of the encoder.
        passes: Passes of the encoder.
        camera: Width and height of a camera's pictures, in pixels.
        camera_pictures: Pictures of a camera to decode.
        rows: Rows in the store.
        searches: Searches in the store, for each number of callers.
        commands: Commands to Redis, of each kind.
        seconds: Seconds of each kind of request through a socket.
    """

    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    pictures: int = 128
    passes: int = 2
    camera: tuple[int, int] = (4000, 3000)
    camera_pictures: int = 20
    rows: int = 10_000
    searches: int = 500
    commands: int = 20_000
    seconds: float = 5.0


_QUICK = Sizes(
    batches=(1, 4),
    pictures=8,
    passes=1,
    camera=(1200, 900),
    camera_pictures=1,
    rows=200,
    searches=8,
    commands=200,
    seconds=0.5,
)


@click.command()
@options.PHOTOS
@options.WEIGHTS
@options.QUICK
@options.JSON
def main(photos: Path | None, weights_file: Path | None, quick: bool, out: Path | None) -> None:
    """Measure the encoder, decoding, the store, Redis and a socket, each alone."""
    sizes = _QUICK if quick else Sizes()
    report = Report(asdict(sizes))
    # Lightest first.
    found = loopback.measure(sizes.seconds)
    report.add("socket", loopback.figures(found), found)
    spent = redis.measure(sizes.commands)
    report.add("redis", redis.figures(spent), spent)
    rates = store.measure(sizes.rows, sizes.searches)
    report.add("store", store.figures(rates), rates)
    with photographs.chosen(photos, quick) as folder:
        ms = decoding.measure(folder, sizes.camera, sizes.camera_pictures)
        report.add("decode", decoding.figures(ms), ms)
        with weights.chosen(weights_file, quick) as variables:
            ways = encoder.measure(folder, variables, sizes.batches, sizes.pictures, sizes.passes)
        report.add("encoder", encoder.figures(ways), ways)
    report.write(out)


if __name__ == "__main__":
    main()
