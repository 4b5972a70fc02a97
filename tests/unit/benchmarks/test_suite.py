"""Which benchmarks a command runs, and with what."""

from __future__ import annotations

import pytest

from benchmarks.suite import BENCHMARKS, UnknownBenchmark, chosen
from tests.support.make import MAKEFILE

BY_NAME = {benchmark.name: benchmark for benchmark in BENCHMARKS}


def names(*given: str) -> list[str]:
    return [benchmark.name for benchmark in chosen(given)]


def test_all_run_but_the_long_ones() -> None:
    assert BY_NAME.keys() - names() == {"scale-index", "store-milvus"}


def test_a_group_is_all_whose_names_begin_with_it() -> None:
    assert names("store") == ["store-lite", "store-milvus"]
    assert "scale-index" in names("scale")


def test_one_can_be_named() -> None:
    assert names("scale-reads", "api") == ["api", "scale-reads"]


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownBenchmark, match=r"no benchmark 'scale-red'.*scale-reads"):
        chosen(["scale-red"])


def test_a_benchmark_gets_the_options_that_it_takes() -> None:
    given = {"--photos": "DIR", "--rounds": 3, "--model": None, "--uri": "http://milvus"}
    assert BY_NAME["ingest"].command(given) == ["benchmarks.ingest", "--photos=DIR", "--rounds=3"]
    assert BY_NAME["retrieval"].command(given) == ["benchmarks.retrieval", "--photos=DIR"]
    assert BY_NAME["scale-reads"].command(given) == ["benchmarks.scale", "reads"]
    assert BY_NAME["store-milvus"].command(given)[-1] == "--uri=http://milvus"


@pytest.mark.parametrize("name", BY_NAME)
def test_every_benchmark_has_a_target(name: str) -> None:
    target = BY_NAME[name].make_command.split()[1]
    assert f"\n{target}: setup" in MAKEFILE.read_text()


def test_commands_name_what_they_need() -> None:
    assert BY_NAME["search"].make_command == "make bench-search PHOTOS=DIR"
    assert BY_NAME["scale-reads"].make_command == "make bench-scale ONLY=reads"
    assert BY_NAME["store-lite"].make_command == "make bench-store"
