"""`make bench-guard`: verdicts on samples, and what is not compared."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.guard.__main__ import main
from benchmarks.guard.tree import NotMeasured, Tree
from benchmarks.guard.verdict import FASTER, LATENCY_NOISE, SAME, SLOWER, UNKNOWN, Comparison
from benchmarks.own_process import MeasureFailed
from tests.conftest import miss
from tests.support import revisions

PAIRS = 20


def compared(times: float, noise: float = 0.1, pairs: int = PAIRS) -> Comparison:
    """Return a comparison of samples that differ by a factor and at random."""
    base, head = (
        [scale * generator.lognormvariate(0, noise) for _ in range(pairs)]
        for scale, generator in ((5, random.Random(1)), (5 * times, random.Random(2)))
    )
    return Comparison("ingest", base, head)


@pytest.mark.parametrize(
    ("times", "verdict"),
    [(1, SAME), (1.04, SAME), (0.96, SAME), (1.2, SLOWER), (0.8, FASTER)],
)
def test_only_what_is_beyond_the_noise_is_called_slower_or_faster(
    times: float, verdict: str
) -> None:
    assert compared(times).verdict == verdict


def test_a_difference_within_the_spread_of_the_samples_is_none() -> None:
    assert compared(1.2, noise=1.0).verdict == SAME


def test_a_single_bad_sample_changes_nothing() -> None:
    one = compared(1)
    assert Comparison("ingest", one.base, [*one.head[1:], 500.0]).verdict == SAME


def test_latencies_may_differ_more() -> None:
    one = compared(1.2)
    assert Comparison("search", one.base, one.head, LATENCY_NOISE).verdict == SAME


def test_few_samples_have_no_verdict() -> None:
    assert compared(2, pairs=5).verdict == UNKNOWN
    assert compared(2, pairs=6).verdict == SLOWER


def test_the_interval_holds_the_ratio_and_is_the_same_again() -> None:
    one = compared(1.2)
    low, high = one.interval
    assert low <= one.ratio <= high
    assert one.interval == (low, high)


@pytest.mark.parametrize(("options", "status"), [([], 69), (["--quick"], 0)])
def test_a_commit_that_is_not_here_is_named(options: list[str], status: int) -> None:
    run = CliRunner().invoke(main, ["--base", "no-such-commit", *options])
    assert run.exit_code == status
    assert "no-such-commit is not in this checkout's history" in run.output
    assert "git fetch --unshallow" in run.output


def test_a_process_that_runs_other_code_than_its_tree_is_refused(tmp_path: Path) -> None:
    tree = Tree("base", tmp_path, sys.executable)
    with pytest.raises(NotMeasured, match=r"base ran .*ids\.py, which is not in"):
        tree.run("import", "common.ids")


def test_a_tree_runs_its_own_code(tmp_path: Path) -> None:
    package = tmp_path / "common"
    package.mkdir()
    shutil.copy(revisions.ROOT / "common" / "ids.py", package)
    (package / "__init__.py").touch()
    found = Tree("head", tmp_path, sys.executable).run("import", "common.ids")
    assert found["files"] == [str(package / "ids.py")]
    assert found["cpu_ms"] > 0


def test_a_task_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(MeasureFailed, match="no_such_module"):
        Tree("base", tmp_path, sys.executable).run("import", "no_such_module")


@pytest.mark.parametrize("name", ["head", "base"])
def test_a_tree_has_its_own_worker_with_a_free_model(name: str, tmp_path: Path) -> None:
    if name == "base" and (reason := revisions.absent("HEAD")):
        miss(reason)
    tree = Tree.of_commit("HEAD", tmp_path) if name == "base" else Tree.of_working_tree(tmp_path)
    *_, worker = tree.run("identify")["files"]
    assert worker == str(tmp_path / "benchmarks" / "free_worker.py")
