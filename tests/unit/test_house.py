"""`make house`: figures of a small tree, alone and compared with an older one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts import house as script
from scripts.house import House, compare, main

TREE = {
    "api/__init__.py": "",
    "api/app.py": "import api.routes.jobs\nfrom api import wsgi\nfrom api.routes import jobs, map",
    "api/wsgi.py": "import sys\nfrom common.ids import SHA256",
    "api/routes/__init__.py": "",
    "api/routes/jobs.py": "from api.wsgi import app, other\n\n\nasync def show():\n    return 1\n",
    "api/routes/map.py": "class Map:\n    def show(self):\n        return 1\n",
    "common/ids.py": "SHA256 = 64\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def house(root: Path) -> House:
    return House.read(root)


@pytest.fixture
def repository(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commit the tree to a repository, and use it in place of the project's."""
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "-m", "x"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    monkeypatch.setattr(script, "_ROOT", root)
    return root


def test_files_are_counted_by_folder(house: House) -> None:
    assert house.files == {"api": 3, "api/routes": 3, "common": 1}


def test_each_module_is_imported_once_and_only_from_other_folders_of_its_package(
    house: House,
) -> None:
    assert house.imports == {"api": 2, "api/routes": 1, "common": 0}


def test_files_and_functions_have_their_lines(house: House) -> None:
    assert house.lines["api/routes/map.py"] == 3
    assert house.functions == {"api/routes/jobs.py: show": 2, "api/routes/map.py: show": 2}


def test_two_trees_stand_side_by_side(house: House) -> None:
    lines = list(compare([House(), house]))
    assert "           3  api/routes" in lines
    assert "     0     7  in all" in lines
    assert any(line.strip() == "5  api/routes/jobs.py" for line in lines)


def test_the_working_tree_stands_beside_a_commit(repository: Path) -> None:
    (repository / "api" / "wsgi.py").unlink()
    shown = CliRunner().invoke(main, ["--base", "HEAD"])
    assert shown.exit_code == 0, shown.output
    assert "     3     2  api" in shown.output.splitlines()


def test_a_revision_that_is_not_there_is_refused(repository: Path) -> None:
    shown = CliRunner().invoke(main, ["--base", "no-such-revision"])
    assert shown.exit_code == 2
    assert "git has no revision no-such-revision." in shown.output
