"""What is measured once on a machine and kept."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from worker import measurement
from worker.measurement import Measurement


def test_a_result_is_kept_whole(tmp_path: Path) -> None:
    kept = Measurement.of(tmp_path, "kind", "a fact")
    assert kept.recall() is None
    with kept.alone():
        kept.remember({"value": 1.5})
    assert Measurement.of(tmp_path, "kind", "a fact").recall() == {"value": 1.5}
    assert [path.name for path in kept.file.parent.glob("*.part")] == []


def test_only_one_process_measures_whatever_it_measures(tmp_path: Path) -> None:
    one, other = (Measurement.of(tmp_path, kind) for kind in ("backends", "batches"))
    order = []

    def measure() -> None:
        with other.alone():
            order.append("other")

    thread = Thread(target=measure)
    with one.alone():
        thread.start()
        thread.join(0.2)
        order.append("one")
    thread.join()
    assert order == ["one", "other"]


def test_each_fact_distinguishes(tmp_path: Path) -> None:
    facts = [("a",), ("b",), ("a", 1), ("a", None)]
    assert len({Measurement.of(tmp_path, "kind", *each).file for each in facts}) == len(facts)


def test_other_processors_distinguish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Measurement.of(tmp_path, "kind")
    quota = tmp_path / "cpu.max"
    quota.write_text("150000 100000")
    monkeypatch.setattr(measurement, "_CPU_QUOTA", quota)
    in_a_container = Measurement.of(tmp_path, "kind")
    monkeypatch.setattr(measurement.os, "cpu_count", lambda: 1000)
    assert len({here, in_a_container, Measurement.of(tmp_path, "kind")}) == 3


@pytest.mark.parametrize("damaged", ["", "{", "[1]", "null", "\xff"])
def test_a_damaged_result_is_none(tmp_path: Path, damaged: str) -> None:
    kept = Measurement(tmp_path / "result.json")
    kept.file.write_bytes(damaged.encode("latin-1"))
    assert kept.recall() is None


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "kind").write_text("a file")
    kept = Measurement.of(tmp_path, "kind", "a fact")
    with kept.alone():
        kept.remember({"value": 1.5})
    assert kept.recall() is None
