"""Secrets in files: how containers keep them out of their environment and of `docker inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from common.errors import InvalidSettings

# Ends the name of the variable that names a secret's file.
SUFFIX = "_FILE"
# Characters of such a file at most; a larger one is not a secret but a mistake.
_CHARACTERS_MAX = 64 * 1024


def read_secret(variable: str, environ: Mapping[str, str]) -> str | None:
    """Return a secret from a variable or from the file that ``VARIABLE_FILE`` names.

    The line break at the end of the file is not part of the secret. Returns None without either.

    Raises:
        InvalidSettings: Both are set, or the file cannot be read.
    """
    path = environ.get(variable + SUFFIX)
    if not path:
        return environ.get(variable)
    if environ.get(variable):
        raise InvalidSettings(f"{variable} and {variable}{SUFFIX} are both set; unset one.")
    return _read(f"{variable}{SUFFIX}", Path(path))


def _read(variable: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_CHARACTERS_MAX + 1)
    except OSError as error:
        raise InvalidSettings(f"{variable}: cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidSettings(f"{variable}: {path} is not text; name another file.") from error
    if len(text) > _CHARACTERS_MAX:
        raise InvalidSettings(f"{variable}: {path} is larger than 64 KiB; name another file.")
    return text.rstrip("\r\n")
