"""Python environments beside the project's own, for packages or versions that it does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Ignored by git, and kept for the next run.
_FOLDER = Path(__file__).parent.parent / ".venv-peers"


class EnvironmentNotMade(RuntimeError):
    """Packages could not be installed; the message ends with what uv wrote."""


def environment(name: str, requirements: Path) -> Path:
    """Return the Python of an environment with pinned packages; create it if it is missing.

    Args:
        name: Name of its folder.
        requirements: The file of its packages and their versions.

    Raises:
        EnvironmentNotMade: A package could not be installed.
    """
    folder = _FOLDER / name
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    wanted = requirements.read_text()
    if not (installed.exists() and installed.read_text() == wanted):
        installed.unlink(missing_ok=True)
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--python", str(python), "-r", str(requirements))
        installed.write_text(wanted)
    return python


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run([uv, "--quiet", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentNotMade(f"uv {' '.join(arguments)}:\n{done.stderr[-2000:]}")
