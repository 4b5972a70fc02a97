"""The file of results that a benchmark writes."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.page.results import read, values
from benchmarks.report import Report


def test_a_written_report_can_be_read(tmp_path: Path) -> None:
    report = Report({"rounds": 3})
    raw = {"ms": [1.234567, 2], 8: (0.000123456, "text", None, True)}
    report.add("a part", [Figure("rate", 12.3456, "images/s", at_least=10)], raw)
    report.write(tmp_path / "folder" / "api.json")
    found = read(tmp_path / "folder")["api"]
    assert values(found, "a part") == {"rate": 12.346}
    assert values(found, "another") == {}
    assert found.raw == {"a part": {"ms": [1.235, 2], "8": [0.0001235, "text", None, True]}}
    assert found.machine["cores"] > 0
    assert found.machine["memory_gib"] > 0
    assert found.others_cores >= 0
    assert json.loads((tmp_path / "folder" / "api.json").read_text())["settings"] == {"rounds": 3}


def test_each_parts_samples_are_one_line(tmp_path: Path) -> None:
    report = Report()
    for part in ("a", "b"):
        report.add(part, [Figure("rate", 1, "")], {"ms": [1.0] * 100})
    report.write(tmp_path / "api.json")
    lines = (tmp_path / "api.json").read_text().splitlines()
    assert len([line for line in lines if "1.0,1.0" in line]) == 2
