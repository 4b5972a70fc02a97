"""Chromium, driven by the tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

# The first has no windows and takes half the CPU time; the others are the whole browser, as Debian
# and other distributions call it.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")


def absent() -> str | None:
    """Return why Chromium is unavailable, or None if it is installed."""
    if _path() is None:
        return "chromium is not installed; scripts/install_system_packages.sh installs it"
    return None


@contextmanager
def started(**variables: str) -> Iterator[Browser]:
    """Run a headless Chromium, with variables in addition to those of this process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_path(), args=_arguments(), env={**os.environ, **variables}
        )
        yield browser
        browser.close()


def _path() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


def _arguments() -> list[str]:
    # A container's /dev/shm may be too small.
    arguments = ["--disable-dev-shm-usage"]
    # Without a GPU, Chromium would emulate one, which takes a quarter more CPU time.
    arguments += ["--disable-gpu"]
    # Chromium's sandbox does not work as root.
    return [*arguments, "--no-sandbox"] if os.geteuid() == 0 else arguments
