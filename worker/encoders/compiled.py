"""Where torch keeps what it compiles."""

from __future__ import annotations

import os
from contextlib import suppress

from common.settings import Settings


def keep_compiled(settings: Settings) -> None:
    """Let torch keep what it compiles in a folder of the cache, if it can be made.

    Otherwise torch makes one among the temporary files, also if it compiles nothing. For processes
    that load a model, before they start threads that read the environment.
    """
    folder = settings.cache_dir.expanduser() / "inductor"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
