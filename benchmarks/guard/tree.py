"""The two trees that are compared, each in a folder of its own with the Python that runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from benchmarks.environments import environment
from benchmarks.own_process import MeasureFailed, last_json
from tests.support import revisions

_PACKAGES = ("api", "cli", "common", "glimpse_client", "worker")
# The worker with a free model stands among the benchmarks. Without the package's own file, Python
# would find it in that of the working tree.
_FREE_WORKER = ("benchmarks/__init__.py", "benchmarks/free_worker.py")
_PINS = "constraints.txt"
# Run with a tree's Python.
_CHILD = Path(__file__).parent / "child.py"


class NotMeasured(MeasureFailed):
    """A tree cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The code of one side of the comparison.

    Attributes:
        name: ``base`` or ``head``.
        folder: The folder of its packages.
        python: The Python that runs it, in an environment with the packages that it pins.
    """

    name: str
    folder: Path
    python: str

    @classmethod
    def of_commit(cls, commit: str, folder: Path) -> Self:
        """Export a commit; a commit with other pins gets an environment of its own.

        Raises:
            NotMeasured: The commit is not here, or is too old.
        """
        if reason := revisions.absent(commit):
            raise NotMeasured(f"{reason}. Fetch more of it: git fetch --unshallow")
        try:
            revisions.export(commit, folder, [*_PACKAGES, *_FREE_WORKER, _PINS])
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip()
            raise NotMeasured(f"{commit} is too old to compare with: {said}") from error
        pins = folder / _PINS
        if pins.read_text() == (revisions.ROOT / _PINS).read_text():
            return cls("base", folder, sys.executable)
        _name_distribution(folder)
        return cls("base", folder, str(environment("guard", pins)))

    @classmethod
    def of_working_tree(cls, folder: Path) -> Self:
        """Copy the working tree, so that both trees run from folders of the same kind."""
        for package in _PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(revisions.ROOT / package, folder / package, ignore=ignored)
        (folder / "benchmarks").mkdir()
        for file in _FREE_WORKER:
            shutil.copy(revisions.ROOT / file, folder / file)
        return cls("head", folder, sys.executable)

    def run(self, task: str, *arguments: str) -> dict[str, Any]:
        """Run a task of ``child.py`` on this tree's code; return the JSON that it prints.

        Raises:
            MeasureFailed: It failed, or ran other code than this tree's.
        """
        # Without -P, this folder would come before the tree's.
        command = [self.python, "-P", str(_CHILD), task, *arguments]
        environ = {**os.environ, "PYTHONPATH": str(self.folder)}
        answer = last_json(command, environ, self.folder)
        for file in answer["files"]:
            if not Path(file).is_relative_to(self.folder):
                raise NotMeasured(f"{self.name} ran {file}, which is not in {self.folder}.")
        return answer


def _name_distribution(folder: Path) -> None:
    """Give a tree the metadata of its distribution, which an environment of pins does not have."""
    metadata = folder / "glimpse.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: glimpse\nVersion: {version('glimpse')}\n")
