"""Runs targets of the Makefile in their shortest form; fails for a target that nothing runs."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import miss, require
from tests.support.make import MAKEFILE, ROOT, made, make
from tests.support.services import Prometheus
from tests.support.web import chromium

# Targets and their prerequisites.
TARGETS = dict(re.findall(r"^([a-z-]+):([^#\n]*)##", MAKEFILE.read_text(), re.MULTILINE))
# A fast test file.
QUICK_TESTS = next((ROOT / "tests" / "unit").rglob("test_house.py"))


def run_somewhere() -> set[str]:
    """Return the targets that CI and the tests run, with their prerequisites."""
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    run = set(re.findall(r'\b(?:make|made|quick|make_command)\(\s*"([a-z-]+)"', tests))
    run |= set(re.findall(r"^make ([a-z-]+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    return run | {needed for target in run & TARGETS.keys() for needed in TARGETS[target].split()}


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_run(target: str) -> None:
    assert target in run_somewhere()


def test_help_lists_every_target() -> None:
    plain = re.sub(r"\033\[\d*m", "", made("help"))
    assert [line.split()[0] for line in plain.splitlines()] == list(TARGETS)


def test_format_mends_a_file(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    file = tmp_path / "file.py"
    file.write_text("import os, sys\nprint( sys.argv )")
    made("format", tmp_path)
    assert file.read_text() == "import sys\n\nprint(sys.argv)\n"


def test_the_pins_fit_the_project(tmp_path: Path) -> None:
    pins = tmp_path / "constraints.txt"
    shutil.copy(ROOT / "constraints.txt", pins)
    locked = make("lock", PINS=pins, UPGRADE="")
    if "error sending request" in locked.stderr:
        miss("the package index is not reachable")
    assert locked.returncode == 0, locked.stderr
    assert pins.read_text() == (ROOT / "constraints.txt").read_text()


def test_house_prints_figures() -> None:
    assert "Longest functions" in made("house")


def test_some_unit_tests_run() -> None:
    assert " passed" in made("test-unit", TESTS=QUICK_TESTS)


def test_coverage_is_shown(tmp_path: Path) -> None:
    # Of a small project with this one's configuration: reading all files takes longest.
    for name in ("Makefile", "pyproject.toml", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]
    for package in packages["source"]:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("if not __name__:\n    missed = True\n")
    imports = "".join(f"import {package}\n" for package in packages["source"])
    (tmp_path / "test_small.py").write_text(f"{imports}\n\ndef test_it():\n    assert api\n")
    run = made("coverage", tmp_path, TESTS="test_small.py")
    for package in packages["source"]:
        assert re.search(rf"^{package}/__init__.py .* 2$", run, re.MULTILINE)
    assert re.search(r"^TOTAL ", run, re.MULTILINE)


def test_chaos_has_as_many_rounds_as_are_asked_for() -> None:
    # Only collect; `make test` runs them.
    run = made("test-chaos", TESTS="tests/chaos/test_replays.py --collect-only -q", ROUNDS=3)
    assert re.search(r"^3 tests collected", run, re.MULTILINE)


def test_fuzz_runs_one_target() -> None:
    assert " passed" in made("fuzz", FUZZ_S=1, FUZZ_SEED=1, TARGET="filters")


def test_a_round_of_fuzz_runs_again() -> None:
    assert "1 rounds of" in made("fuzz-again", TARGET="filters", ROUND=1)


def test_screenshots_are_taken(tmp_path: Path) -> None:
    if reason := chromium.absent():
        miss(reason)
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in ("red", "blue"):
        Image.new("RGB", (64, 64), colour).save(photos / f"{colour}.png")
    made("screenshots", PHOTOS=photos, QUERY="red", MODEL="hashing", OUT=tmp_path)
    for name, width in (("page", 2160), ("page-phone", 780), ("page-wide", 2560)):
        for scheme in ("light", "dark"):
            with Image.open(tmp_path / f"{name}-{scheme}.jpg") as page:
                assert (page.format, page.width) == ("JPEG", width)


def test_the_dashboard_is_plotted(tmp_path: Path) -> None:
    require(Prometheus)
    if reason := chromium.absent():
        miss(reason)
    made("dashboard-picture", MODEL="hashing", SECONDS_OF_LOAD=3, OUT=tmp_path)
    with Image.open(tmp_path / "dashboard.jpg") as picture:
        assert picture.format == "JPEG"
        # Lines and words are drawn, not an empty page.
        assert len(picture.getcolors(1 << 24) or []) > 1000
