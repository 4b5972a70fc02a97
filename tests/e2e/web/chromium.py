"""Chromium as the tests drive it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.conftest import miss

# Debian's package installs it under the first name, others under the second.
_NAMES = ("chromium", "chromium-browser")


@contextmanager
def started() -> Iterator[Browser]:
    """Run a headless Chromium; where there is none, the test is skipped or, in CI, fails."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        miss("chromium is not installed; scripts/install_system_packages.sh installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_arguments())
        yield browser
        browser.close()


def _arguments() -> list[str]:
    # A container's /dev/shm may be too small for a page.
    arguments = ["--disable-dev-shm-usage"]
    # Root has no user namespace of its own to put the sandbox into.
    return [*arguments, "--no-sandbox"] if os.geteuid() == 0 else arguments
