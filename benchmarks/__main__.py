"""``python -m benchmarks``: run benchmarks one after another, and render the page of their results.

    python -m benchmarks --photos DIR
    python -m benchmarks ingest scale-reads --quick

Each is a process of its own. One that fails does not stop the others.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from benchmarks import page
from benchmarks.suite import (
    MODEL,
    PHOTOS,
    ROUNDS,
    URI,
    Benchmark,
    UnknownBenchmark,
    chosen,
)

# EX_UNAVAILABLE of sysexits.h: the machine lacks what the benchmark measures.
_UNAVAILABLE = 69


def run(benchmarks: Sequence[Benchmark], given: Mapping[str, object], results: Path) -> list[int]:
    """Run benchmarks, print how each ended and how long it took, and return their exit statuses."""
    statuses, lines = [], []
    for benchmark in benchmarks:
        print(f"== {benchmark.name}", flush=True)
        file = results / f"{benchmark.name}.json"
        quick = ["--quick"] if given["--quick"] else []
        begun = time.monotonic()
        command = [*benchmark.command(given), *quick, "--json", str(file)]
        status = subprocess.run([sys.executable, "-m", *command], check=False).returncode
        ended = {0: "measured", _UNAVAILABLE: "left out, since this machine cannot measure it"}
        how = ended.get(status, f"FAILED with status {status}")
        lines.append(f"{benchmark.name}: {how}, {time.monotonic() - begun:.0f} s")
        statuses.append(status)
    print("\n".join(["", *lines, f"Results: {results}"]), flush=True)
    return statuses


def _status(statuses: Sequence[int]) -> int:
    """Return the exit status of the whole: a failure's, if one failed."""
    failed = [status for status in statuses if status not in (0, _UNAVAILABLE)]
    return failed[0] if failed else min(statuses)


@click.command()
@click.argument("names", nargs=-1)
@click.option(PHOTOS, type=click.Path(path_type=Path), help="Photographs, in folders by subject.")
@click.option(ROUNDS, type=int, help="Rounds of each comparison, instead of the defaults.")
@click.option(MODEL, help="The encoder of `retrieval`.")
@click.option(URI, help="A Milvus server for `store-milvus`, which otherwise starts one.")
@click.option("--quick", is_flag=True, help="Smoke test: the figures mean nothing.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Folder of the results and their page, instead of the published ones.",
)
def main(names: Sequence[str], quick: bool, results: Path | None, **given: object) -> None:
    """Run the named benchmarks and groups, or all but the long ones."""
    try:
        benchmarks = chosen(names)
    except UnknownBenchmark as error:
        raise click.UsageError(str(error)) from None
    if quick and results is None:
        # Figures without meaning never replace published ones.
        results = Path(tempfile.mkdtemp(prefix="glimpse-bench-"))
    options = {f"--{name}": value for name, value in given.items()} | {"--quick": quick}
    statuses = run(benchmarks, options, results or page.RESULTS)
    if any(status == 0 for status in statuses):
        page.write(results or page.RESULTS, results or page.DOCS)
    sys.exit(_status(statuses))


if __name__ == "__main__":
    main()
