"""Commits of the project's history, exported to run beside this version."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def absent(commit: str) -> str | None:
    """Return why a commit cannot be exported here, or None if it can."""
    if shutil.which("git") is None:
        return "git is not on PATH"
    found = _git("cat-file", "-e", f"{commit}^{{commit}}")
    if found.returncode:
        said = found.stderr.decode(errors="replace").strip()
        return f"{commit} is not in this checkout's history: {said}"
    return None


def export(commit: str, folder: Path, paths: Sequence[str]) -> None:
    """Write some files and folders of a commit to a folder."""
    archive = _git("archive", commit, *paths)
    archive.check_returncode()
    folder.mkdir(parents=True, exist_ok=True)
    # Python's own tar has the filter of hostile names only from 3.11.4 on.
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
