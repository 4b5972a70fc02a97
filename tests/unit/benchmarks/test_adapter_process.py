"""The commands to a peer's process, on an adapter that keeps nothing but names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.peers.adapter_process import AdapterProcess, PeerFailed
from benchmarks.peers.peer import Setting


@pytest.fixture
def process(tmp_path: Path) -> Iterator[AdapterProcess]:
    with AdapterProcess(
        Path(sys.executable), "tests.support.peer_adapter", tmp_path / "log"
    ) as process:
        yield process


def opened(process: AdapterProcess, tmp_path: Path, batch: int = 2) -> AdapterProcess:
    process.open(tmp_path, tmp_path / "store", "", Setting(batch))
    return process


def album(folder: Path, *names: str) -> Path:
    (folder / "album" / "dogs").mkdir(parents=True)
    for name in names:
        (folder / "album" / "dogs" / name).touch()
    return folder / "album"


def numbered(folder: Path, count: int) -> Path:
    return album(folder, *(f"{number:03}.jpg" for number in range(count)))


def test_what_is_ingested_is_searchable(process: AdapterProcess, tmp_path: Path) -> None:
    opened(process, tmp_path)
    done = process.ingest(numbered(tmp_path, 5))
    assert (done["embedded"], done["ms"]) == (5, [])
    assert process.searchable() == 5
    assert len(process.search(["003", "004"])) == 2
    assert process.peak_mib() > 1


def test_only_jpegs_are_ingested(process: AdapterProcess, tmp_path: Path) -> None:
    folder = album(tmp_path, "a.jpg", "b.jpeg", "c.txt")
    assert opened(process, tmp_path).ingest(folder)["embedded"] == 2


def test_searches_go_on_until_the_ingest_has_ended(process: AdapterProcess, tmp_path: Path) -> None:
    opened(process, tmp_path, batch=1).ingest(numbered(tmp_path, 1))
    done = process.ingest(numbered(tmp_path / "more", 200), ["000"])
    assert done["ms"]


def test_a_peer_that_is_killed_has_not_embedded_all(
    process: AdapterProcess, tmp_path: Path
) -> None:
    folder = numbered(tmp_path, 100)
    embedded = opened(process, tmp_path).kill_while_ingesting(folder, 40)
    assert 40 <= embedded < 100
    with pytest.raises(PeerFailed, match="exited"):
        process.searchable()


def test_an_ingest_that_ends_before_the_kill_is_an_error(
    process: AdapterProcess, tmp_path: Path
) -> None:
    folder = numbered(tmp_path, 4)
    with pytest.raises(PeerFailed, match="before 5 pictures"):
        opened(process, tmp_path).kill_while_ingesting(folder, 5)


def test_an_error_in_the_peer_is_reported(process: AdapterProcess, tmp_path: Path) -> None:
    opened(process, tmp_path)
    with pytest.raises(PeerFailed, match="a search found nothing"):
        process.search(["nothing"])
    # The peer goes on.
    assert process.searchable() == 0


def test_a_peer_that_exits_is_reported_with_its_output(
    process: AdapterProcess, tmp_path: Path
) -> None:
    opened(process, tmp_path)
    with pytest.raises(PeerFailed, match="exited during ingest:\nopened fp32"):
        process.ingest(album(tmp_path, "deadly.jpg"))
