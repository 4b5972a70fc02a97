"""Take the README's screenshots of the web page on a separate stack (`make screenshots`)."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from cli.bulk.pictures import Picture, find_pictures
from cli.examples import EXAMPLE_QUERY, example_photos
from tests.support.polling import finished_job, ready
from tests.support.services import Stack
from tests.support.web import chromium
from tests.support.web.site import Site

# JPEG quality, of 100: sharp enough, and small enough for a repository.
_QUALITY = 82
# Pictures per request: few enough to fit in memory.
_UPLOAD_PHOTOS = 50
# Screens by their names in the names of the files, each in both colour schemes.
_SCREENS: Mapping[str, Mapping[str, Any]] = {
    "page": {"viewport": {"width": 1440, "height": 900}, "device_scale_factor": 1.5},
    "page-phone": {
        "viewport": {"width": 390, "height": 780},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
    "page-wide": {"viewport": {"width": 2560, "height": 1300}},
}
_SCHEMES = ("light", "dark")

# A minimal machine lacks the fonts of desktop systems; these come close.
_FONTS = """<fontconfig>
  <include>/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <edit name="family" mode="prepend" binding="strong">
      <string>Inter</string><string>Noto Sans</string><string>Roboto</string>
    </edit>
  </match>
</fontconfig>
"""


def main() -> None:
    """Start a stack, ingest pictures, and take screenshots of a search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", default="", help="folder of pictures, instead of the demo's")
    parser.add_argument("--query", default="", help=f"instead of {EXAMPLE_QUERY!r}")
    parser.add_argument("--model", default="starter", help="encoder that finds them")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder to write to")
    given = parser.parse_args()
    photos = list(find_pictures([Path(given.photos)], [])) if given.photos else example_photos()
    if reason := chromium.absent():
        parser.error(reason)
    with tempfile.TemporaryDirectory() as folder:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(_FONTS)
        with (
            Stack(Path(folder), {"GLIMPSE_MODEL": given.model}) as stack,
            chromium.started(FONTCONFIG_FILE=str(fonts)) as browser,
        ):
            ready(stack.client)
            _ingest(stack, photos)
            for (name, screen), scheme in product(_SCREENS.items(), _SCHEMES):
                file = given.out / f"{name}-{scheme}.jpg"
                view = {**screen, "color_scheme": scheme}
                _take(browser, stack.api.url, given.query or EXAMPLE_QUERY, view, file)
                print(f"{file}: {file.stat().st_size // 1000} kB")  # noqa: T201 - output of the script


def _ingest(stack: Stack, photos: Sequence[Picture]) -> None:
    for start in range(0, len(photos), _UPLOAD_PHOTOS):
        some = photos[start : start + _UPLOAD_PHOTOS]
        files = [("file", (photo.name, photo.path.read_bytes())) for photo in some]
        answer = stack.client.post("/v1/images", files=files)
        finished_job(stack.client, answer.raise_for_status().headers["Location"])


def _take(browser: Browser, url: str, query: str, view: dict[str, Any], file: Path) -> None:
    site = Site(browser.new_context(**view).new_page(), url)
    site.open()
    site.search(query)
    # Add the best hit to the query, to show that a query can combine text and images.
    site.page.locator(".tile-more").first.dispatch_event("click")
    expect(site.page.locator(".term")).to_have_count(1)
    site.settled()
    site.page.wait_for_load_state("networkidle")
    site.page.screenshot(path=file, type="jpeg", quality=_QUALITY)
    site.page.context.close()


if __name__ == "__main__":
    main()
