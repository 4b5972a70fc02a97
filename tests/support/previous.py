"""The previous release, exported from the project's history to run beside this version."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from tests.support import revisions
from tests.support.services.glimpse import GlimpseProcess

Kind = TypeVar("Kind", bound=GlimpseProcess)

# The release that this version replaces while the service runs: its tag, or before the first
# release a commit. Each release moves it to the one before.
COMMIT = "c3078466c1b36fc881b3d8b34d23ab2d7fa8a43b"

# The folders that its API and workers run from.
_PACKAGES = ("api", "common", "worker")
# Settings of tests' stacks that it does not have, and so refuses.
_NEWER = frozenset({"GLIMPSE_BLOBS_FSYNC"})


def absent() -> str | None:
    """Return why the previous release cannot be exported here, or None if it can."""
    return revisions.absent(COMMIT)


def export(folder: Path) -> None:
    """Write the code of the previous release to a folder."""
    revisions.export(COMMIT, folder, _PACKAGES)


def kind_from(folder: Path, kind: type[Kind]) -> type[Kind]:
    """Return a kind of process that runs the code in a folder, with this version's packages."""

    def environ(self: GlimpseProcess) -> dict[str, str]:
        given = kind.environ(self)
        return {name: value for name, value in given.items() if name not in _NEWER}

    # Those that are forked have imported this version.
    changed = {"root": folder, "forked_from": None, "environ": environ}
    return type(f"Previous{kind.__name__}", (kind,), changed)
