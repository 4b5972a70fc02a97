"""The benchmarks that ``python -m benchmarks`` runs; a new one gets a line here.

``make bench-GROUP`` runs a group: the benchmarks whose names begin with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.scale import PARTS

PHOTOS, ROUNDS, MODEL, URI = "--photos", "--rounds", "--model", "--uri"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: a program with a file of results.

    Attributes:
        name: Name of its file of results, without the suffix.
        module: What ``python -m`` runs. It accepts ``--quick`` and ``--json``.
        arguments: Further arguments.
        takes: Options of ``python -m benchmarks`` that it accepts, too.
        is_long: Whether it runs only if it or its group is named, because it takes long.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    is_long: bool = False

    @property
    def group(self) -> str:
        """The group that it belongs to."""
        return self.name.partition("-")[0]

    @property
    def make_command(self) -> str:
        """The command that runs it, for a reader."""
        part = self.name.partition("-")[2] if self.group == "scale" else ""
        only = f" ONLY={part}" if part else ""
        return f"make bench-{self.group}{only}{' PHOTOS=DIR' if PHOTOS in self.takes else ''}"

    def command(self, given: Mapping[str, object]) -> list[str]:
        """Return what follows ``python -m``, with those of the given options that it takes."""
        options = [f"{option}={given[option]}" for option in self.takes if given.get(option)]
        return [self.module, *self.arguments, *options]


# All benchmarks, in the order of running.
BENCHMARKS: Sequence[Benchmark] = (
    Benchmark("retrieval", "benchmarks.retrieval", takes=(PHOTOS, MODEL)),
    Benchmark("limits", "benchmarks.limits", takes=(PHOTOS,)),
    Benchmark("ingest", "benchmarks.ingest", takes=(PHOTOS, ROUNDS)),
    Benchmark("search", "benchmarks.search", takes=(PHOTOS, ROUNDS)),
    Benchmark("reindex", "benchmarks.reindex", takes=(PHOTOS,)),
    Benchmark("api", "benchmarks.api", takes=(ROUNDS,)),
    Benchmark("engines", "benchmarks.engines", takes=(ROUNDS,)),
    Benchmark("store-lite", "benchmarks.store", ("--server", "lite")),
    Benchmark("store-milvus", "benchmarks.store", ("--server", "milvus"), (URI,), is_long=True),
    Benchmark("cold-start", "benchmarks.cold_start", takes=(ROUNDS,)),
    Benchmark("peers", "benchmarks.peers", takes=(PHOTOS, ROUNDS)),
    Benchmark("queues", "benchmarks.queues", takes=(PHOTOS, ROUNDS)),
    *(
        # Building each index over 500,000 vectors takes half an hour at least.
        Benchmark(f"scale-{part}", "benchmarks.scale", (part,), is_long=part == "index")
        for part in PARTS
    ),
    Benchmark("gpu", "benchmarks.gpu", takes=(PHOTOS, ROUNDS)),
)


class UnknownBenchmark(ValueError):
    """No benchmark or group has the name."""


def chosen(names: Sequence[str]) -> list[Benchmark]:
    """Return the benchmarks and groups of these names; without names, all but the long ones.

    Raises:
        UnknownBenchmark: A name is neither a benchmark's nor a group's.
    """
    for name in names:
        if not any(name in (one.name, one.group) for one in BENCHMARKS):
            known = ", ".join(one.name for one in BENCHMARKS)
            raise UnknownBenchmark(f"There is no benchmark {name!r}. There are: {known}.")
    if not names:
        return [one for one in BENCHMARKS if not one.is_long]
    return [one for one in BENCHMARKS if one.name in names or one.group in names]
