"""Many pictures: the document holds only the tiles near the viewport, and readers lose nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import expect

from common.contract import DEFAULT_TENANT, ImageRecord
from common.rfc3339 import rfc3339
from common.settings import load_settings
from tests.e2e.web.conftest import Visit, served
from tests.support.inline import start_inline
from tests.support.web.site import Site
from worker.encoders.hashing import HashingEncoder
from worker.stores.base import Row

COUNT = 600
# Sizes of the pictures, so that rows have different numbers of them.
SIZES = [(640, 480), (480, 640), (800, 800), (1600, 500)]
# Far fewer tiles than pictures, on any screen.
TILES_MAX = 300


@pytest.fixture(scope="module")
def many() -> Iterator[str]:
    """URL of a Glimpse in this process with rows that were never encoded."""
    inline = start_inline(load_settings({}))
    inline.store.upsert([row(number) for number in range(COUNT)])
    with served(inline) as url:
        yield url


def row(number: int) -> Row:
    width, height = SIZES[number % len(SIZES)]
    record = ImageRecord(
        id=f"{number:064x}",
        filename=f"{'a folder with a long name/' * (number % 3)}{number}.jpg",
        bytes=1,
        width=width,
        height=height,
        format="JPEG",
        indexed_at=rfc3339(1_700_000_000 + number),
    )
    dim = HashingEncoder().dim
    return Row(DEFAULT_TENANT, record, np.full(dim, dim**-0.5, np.float32), "made")


@pytest.fixture
def wide(visit: Visit, many: str) -> Site:
    site = visit(many, viewport={"width": 1280, "height": 800})
    site.open()
    return site


def tiles(site: Site) -> int:
    return site.page.locator("#grid .tile").count()


def go_to_the_end(site: Site) -> None:
    """Load all pictures with the End key; the document never has many tiles."""
    status = site.page.locator("#results-status")
    while (text := status.text_content()) != f"{COUNT} pictures":
        site.page.keyboard.press("End")
        expect(status).not_to_have_text(text or "")
        site.settled()
        assert tiles(site) < TILES_MAX


def scroll_by(site: Site, pixels: int) -> None:
    """Scroll, and wait until the page has shown that."""
    site.page.evaluate(
        """pixels => new Promise(resolve => {
            window.scrollBy(0, pixels);
            requestAnimationFrame(() => requestAnimationFrame(resolve));
        })""",
        pixels,
    )


def first_in_view(site: Site) -> tuple[str, float]:
    """Return the name of the first picture that is not above the window, and its place."""
    name, top = site.page.evaluate(
        """() => {
            const tiles = [...document.querySelectorAll('#grid .tile')];
            const seen = tiles.find(tile => tile.getBoundingClientRect().top >= 0);
            const name = seen.querySelector('.tile-name').textContent;
            return [name, seen.getBoundingClientRect().top];
        }"""
    )
    return name, top


def test_a_reader_scrolls_through_all_of_them(wide: Site) -> None:
    site = wide
    status = site.page.locator("#results-status")
    expect(status).to_have_text(f"48 of {COUNT} pictures")
    site.page.locator("#grid .tile-open").first.focus()
    go_to_the_end(site)
    site.page.keyboard.press("End")
    last = site.page.locator("#grid .tile").last
    expect(last.locator(".tile-open")).to_be_focused()
    expect(last).to_have_attribute("aria-posinset", str(COUNT))
    expect(last.locator(".tile-name")).to_have_text("0.jpg")
    # Each picture above is in its place, once.
    site.page.keyboard.press("ArrowLeft")
    expect(site.tile("1.jpg").locator(".tile-open")).to_be_focused()
    names = site.names()
    numbers = [int(name.removesuffix(".jpg")) for name in names]
    assert numbers == list(range(numbers[0], -1, -1))
    assert tiles(site) < TILES_MAX
    site.page.keyboard.press("Home")
    expect(site.tile(f"{COUNT - 1}.jpg").locator(".tile-open")).to_be_focused()


def test_the_reader_keeps_the_place(wide: Site) -> None:
    site = wide
    site.page.locator("#grid .tile-open").first.focus()
    go_to_the_end(site)
    scroll_by(site, -3000)
    before = first_in_view(site)
    # Rows of other heights come and go above.
    for pixels in (-4000, 4000):
        scroll_by(site, pixels)
    after = first_in_view(site)
    assert after[0] == before[0]
    assert abs(after[1] - before[1]) < 2
    site.page.set_viewport_size({"width": 900, "height": 800})
    in_view = site.tile(before[0]).locator(".tile-open")
    expect(in_view).to_be_in_viewport()


def test_a_focused_picture_is_found_again(wide: Site) -> None:
    site = wide
    second = site.page.locator("#grid .tile-open").nth(1)
    second.focus()
    name = site.names()[1]
    scroll_by(site, 100_000)
    expect(site.page.locator("#results-status")).to_have_text(f"144 of {COUNT} pictures")
    scroll_by(site, 100_000)
    expect(site.tile(name)).to_have_count(0)
    # The arrow keys continue where the reader was.
    site.page.keyboard.press("ArrowRight")
    expect(site.page.locator("#grid .tile[aria-posinset='3'] .tile-open")).to_be_focused()
