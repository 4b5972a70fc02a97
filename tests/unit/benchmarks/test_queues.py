"""`make bench-queues`: the rows of what ran and of what did not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.queues.__main__ import figures
from benchmarks.queues.runs import Sizes, run_tool
from benchmarks.queues.tools import SETUPS, Setup, Tool

RUN = {"images_per_s": 100.0, "cpu_ms_per_image": {"worker": 3.0, "valkey": 1.0}}


def test_rates_and_costs_are_medians_of_the_rounds() -> None:
    faster = {**RUN, "images_per_s": 300.0}
    found = {figure.name: figure.value for figure in figures({"celery": [RUN, faster]})}
    assert found == {
        "celery: rate": 200,
        "celery: processor time, worker": 3,
        "celery: processor time, all parts": 4,
    }


def test_a_kill_has_its_figures() -> None:
    killed = {**RUN, "kill": {"lost": 3, "repeated": 8, "back_s": 12.5}}
    found = {figure.name: figure.value for figure in figures({"celery": [killed, RUN]})}
    assert found["celery: lost at a kill"] == 3
    assert found["celery: repeated at a kill"] == 8
    assert found["celery: back after a kill"] == 12.5


def test_a_tool_that_did_not_run_has_a_row_with_its_error() -> None:
    (row,) = figures({"taskiq": [{"error": "Log:\nImportError: no streams"}, RUN]})
    assert row.name == "taskiq: did not run: Log: ImportError: no streams"
    assert row.value == 0


def test_a_tool_that_cannot_be_installed_leaves_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "_FOLDER", tmp_path / "peers")
    pins = tmp_path / "pins.txt"
    pins.write_text("./no-such-package\n")
    monkeypatch.setattr(Tool, "requirements", pins)
    tool = Tool("absent", "absent", ("absent",), "ready", "everything")
    run = run_tool(tmp_path / "run", Setup(tool), tmp_path, Sizes(), kill=False)
    assert "no-such-package" in run["error"]


def test_every_tool_has_its_requirements() -> None:
    for setup in SETUPS:
        assert f"{setup.tool.name}==" in setup.tool.requirements.read_text()
