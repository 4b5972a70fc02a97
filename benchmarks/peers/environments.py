"""The peers' virtual environments: each is made once, from a file of requirements."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Ignored by git; kept from one run to the next.
FOLDER = Path(__file__).parent.parent.parent / ".venv-peers"
# The copy of the requirements that says what is installed.
_STAMP = "requirements.txt"
# Seconds for an installation: torch and what comes with it are some gigabytes.
_INSTALL_S = 1800.0
# Characters of the installer's last words in an error.
_ERROR_CHARACTERS = 1500


class NotInstalled(RuntimeError):
    """The requirements of a peer cannot be installed; the message ends with the installer's."""


def python_of(requirements: Path, folder: Path = FOLDER) -> Path:
    """Return the Python of an environment, which is made if it is not up to date.

    Args:
        requirements: The file of what is in it, whose name is also that of the environment.
        folder: The folder of all environments.

    Raises:
        NotInstalled: The requirements cannot be installed.
    """
    environment = folder / requirements.stem
    python, stamp = environment / "bin" / "python", environment / _STAMP
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        _uv("venv", "--quiet", "--clear", "--python", sys.executable, environment)
        _uv("pip", "install", "--quiet", "--python", python, "-r", requirements)
        stamp.write_text(requirements.read_text())
    return python


def _uv(*arguments: object) -> None:
    uv = Path(sys.executable).parent / "uv"
    try:
        subprocess.run(
            [uv, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
            check=True,
        )
    except subprocess.CalledProcessError as failed:
        raise NotInstalled(failed.stderr[-_ERROR_CHARACTERS:]) from failed
    except subprocess.TimeoutExpired as failed:
        raise NotInstalled(f"It took longer than {_INSTALL_S:g} s.") from failed
