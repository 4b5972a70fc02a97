"""The comparison with peers: who they are, their photographs, figures and table."""

from __future__ import annotations

import math
from pathlib import Path

import click
import pytest

from benchmarks.peers.peer import FEATURES, PEERS, QUEUE, Peer
from benchmarks.peers.results import Result, figures, markdown
from benchmarks.peers.turns import Albums, Killed, Sizes, Turn
from tests.support.make import ROOT

INFINITY = next(peer for peer in PEERS if peer.name == "infinity-emb")


def turn(images_per_s: float, ms: float = 10) -> Turn:
    return Turn(5.0, images_per_s, [ms] * 99 + [90 * ms], [2 * ms], 900.0, 0.1)


def result(name: str, *rates: float, peer: Peer | None = None) -> Result:
    killed = Killed(handed_over=200, embedded=104, searchable=96, embedded_again=200)
    return Result(name, peer, turns=[turn(rate) for rate in rates], killed=killed)


@pytest.fixture
def results() -> list[Result]:
    """Glimpse, a peer that ran, and one that did not."""
    return [
        result("Glimpse", 40, 90, 60),
        result("infinity-emb", 20, 30, 10, peer=INFINITY),
        Result("rclip", error="Traceback\n  somewhere\nOSError: no | model\n\n"),
    ]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_has_its_files_and_pins_its_package(peer: Peer) -> None:
    assert (ROOT / "benchmarks" / "peers" / "adapters" / f"{peer.adapter}.py").is_file()
    assert peer.version[0].isdigit()
    assert peer.settings
    assert peer.has < set(FEATURES)
    assert set(peer.leaves_out) == set(FEATURES) - peer.has


def test_an_unpinned_package_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not pin clip"):
        _ = Peer("x", "clip", INFINITY.requirements, "x", INFINITY.settings).version


def photographs(folder: Path, count: int) -> Path:
    for number in range(count):
        path = folder / "photos" / f"{number % 3}" / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(number))
    return folder / "photos"


SIZES = Sizes(warm_up=3, tried=2, ingested=5, beside=4, killed=6)


def contents(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.glob("*/*.jpg")}


def test_albums_share_no_picture_but_those_that_are_tried(tmp_path: Path) -> None:
    albums = Albums.copy(photographs(tmp_path, 19), tmp_path / "copies", SIZES)
    parts = [albums.one, albums.warm_up, albums.ingested, albums.beside, albums.killed]
    assert [len(contents(part)) for part in parts] == [1, 3, 5, 4, 6]
    assert len(set().union(*map(contents, parts))) == 19
    assert len(contents(albums.tried) & contents(albums.ingested)) == 2


def test_too_few_photographs_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="needs 19 photographs"):
        Albums.copy(photographs(tmp_path, 18), tmp_path / "copies", SIZES)


def test_the_bare_engine_has_the_bound(results: list[Result]) -> None:
    found = {figure.name: figure for figure in figures(results)}
    # The median of 2, 3 and 6: rounds are compared, not medians.
    ratio = found["infinity-emb: Glimpse is faster by"]
    assert (ratio.value, ratio.at_least) == (3, 1.8)
    assert found["infinity-emb: to searchable"].value == 20
    assert found["infinity-emb: search idle, p50"].value == 10
    assert found["infinity-emb: search idle, p99"].value == 900
    assert found["infinity-emb: search beside ingest, p50"].value == 20
    assert found["infinity-emb: lost if killed"].value == 104
    assert found["infinity-emb: embedded twice"].value == 104
    assert not any(name.startswith("rclip") for name in found)


def test_the_page_says_what_each_leaves_out() -> None:
    lines = (ROOT / "docs" / "benchmarks.md").read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(f"| | {QUEUE} |"))
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[begin : begin + 10]]
    head, _, glimpse, *rows = [row for row in table if row]
    assert head[1:-1] == list(FEATURES)
    assert glimpse[1:-1] == ["yes"] * len(FEATURES)
    for peer, row in zip(PEERS, rows, strict=True):
        has = ["yes" if feature in peer.has else "no" for feature in FEATURES]
        assert row == [peer.name, *has, peer.store]


def test_no_picture_is_embedded_less_than_no_times() -> None:
    assert (
        Killed(handed_over=200, embedded=100, searchable=200, embedded_again=99).embedded_twice == 0
    )


def test_searches_that_were_not_made_have_no_time() -> None:
    assert math.isnan(Result("x").ms("idle", 50))


def test_the_table_has_a_row_for_each(results: list[Result]) -> None:
    table = markdown(results)
    assert (
        "| Glimpse | 60.0 |  | 10, 900 ms | 20, 20 ms | 900 MiB | 5.0 s | 104 of 200 | 104 |"
        in table
    )
    assert "| infinity-emb | 20.0 | 3.0 times |" in table
    assert r"| rclip | did not run: OSError: no \| model | |" in table
    assert "| infinity-emb | `infinity-emb` 0.0.78 |" in table


def test_a_contestant_that_was_not_killed_has_no_row_of_figures(results: list[Result]) -> None:
    results[1].killed = None
    assert "| infinity-emb | did not run: no turn was finished |" in markdown(results)


def test_the_raw_form_has_every_sample(results: list[Result]) -> None:
    raw = results[1].raw()
    assert [turn["images_per_s"] for turn in raw["turns"]] == [20, 30, 10]
    assert raw["killed"]["searchable"] == 96
    assert raw["version"] == "0.0.78"
    assert "durable queue" in raw["leaves_out"]
    assert results[2].raw()["error"].endswith("model\n\n")
