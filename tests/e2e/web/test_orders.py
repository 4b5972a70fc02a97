"""Orders of the list of pictures, and the scrubber beside a list by date."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from common.contract import DEFAULT_TENANT, ImageRecord
from common.images.photo_info import PhotoInfo
from common.rfc3339 import rfc3339
from common.settings import load_settings
from tests.e2e.web.conftest import Visit, served
from tests.support.inline import start_inline
from tests.support.web.axe import faults
from tests.support.web.site import Site
from worker.encoders.hashing import HashingEncoder
from worker.stores.base import Row

# Pictures of each year: two pages of the list, and more than a window shows.
YEARS, PER_YEAR = (2019, 2021, 2024), 60


@pytest.fixture(scope="module")
def dated(browser: object) -> Iterator[str]:
    """URL of a Glimpse with pictures of several years, and one without a date."""
    del browser
    inline = start_inline(load_settings({}))
    rows = [row(year, number) for number in range(PER_YEAR) for year in YEARS]
    inline.store.upsert([*rows, row(None, 0)])
    with served(inline) as url:
        yield url


def row(year: int | None, number: int) -> Row:
    place = f"{year or 1000}{number:03}"
    record = ImageRecord(
        id=f"{place:0>64}",
        filename=f"{year or 'undated'} {number:03}.jpg",
        bytes=1000 + number,
        width=640,
        height=480,
        format="JPEG",
        indexed_at=rfc3339(1_700_000_000 + number * 10 + (year or 0) % 7),
        photo=PhotoInfo(taken_at=f"{year}-06-01T00:00:{number:02}Z") if year else None,
    )
    dim = HashingEncoder().dim
    return Row(DEFAULT_TENANT, record, np.full(dim, dim**-0.5, np.float32), "made")


@pytest.fixture
def site(visit: Visit, dated: str) -> Site:
    site = visit(dated, viewport={"width": 1280, "height": 800})
    site.open()
    return site


def order(site: Site, label: str) -> None:
    site.page.get_by_label("Order").select_option(label)
    site.settled()


def years(site: Site) -> Locator:
    return site.page.get_by_role("navigation", name="Years").get_by_role("button")


def test_pictures_are_listed_in_the_chosen_order(site: Site) -> None:
    expect(site.page.get_by_role("heading", name="Newest pictures")).to_be_visible()
    for label, first, address in (
        ("Newest taken", "2024 059.jpg", "-taken_at"),
        ("Oldest taken", "2019 000.jpg", "taken_at"),
        ("File name", "2019 000.jpg", "filename"),
        ("Largest file", "2019 059.jpg", "-bytes"),
    ):
        order(site, label)
        expect(site.page).to_have_url(f"{site.url}/?sort={address}")
        expect(site.page.locator("#grid .tile-name").first).to_have_text(first)
        expect(site.page.get_by_role("heading", name="Pictures", exact=True)).to_be_visible()
    site.page.reload()
    expect(site.page.get_by_label("Order")).to_have_value("-bytes")
    # Hits have their own order; the list's comes back with the list.
    site.search("red")
    expect(site.page.get_by_label("Order")).to_be_hidden()
    site.page.go_back()
    expect(site.page.get_by_label("Order")).to_have_value("-bytes")
    order(site, "Last added")
    expect(site.page).to_have_url(f"{site.url}/")


def test_an_unknown_order_is_left_out(site: Site) -> None:
    site.open("/?sort=beauty")
    expect(site.page.get_by_role("heading", name="Newest pictures")).to_be_visible()
    expect(site.page.get_by_label("Order")).to_have_value("")


def test_the_scrubber_leads_to_years(site: Site) -> None:
    expect(years(site)).to_have_count(0)
    order(site, "Newest taken")
    expect(years(site)).to_have_text(["2024", "2021", "2019"])
    here = site.page.locator("#scrubber [aria-current]")
    expect(here).to_have_text("2024")
    # Its pictures are not loaded yet: the list begins with them.
    years(site).nth(2).click()
    expect(site.page).to_have_url(f"{site.url}/?to=2019-12-31&sort=-taken_at")
    expect(site.page.locator("#grid .tile-name").first).to_have_text("2019 059.jpg")
    expect(here).to_have_text("2019")
    expect(years(site)).to_have_text(["2024", "2021", "2019"])
    # The first year is the beginning of the whole list.
    years(site).first.click()
    expect(site.page).to_have_url(f"{site.url}/?sort=-taken_at")
    expect(site.page.locator("#grid .tile-name").first).to_have_text("2024 059.jpg")
    assert faults(site.page) == []


def test_the_scrubber_scrolls_to_what_is_loaded_and_follows_the_reader(site: Site) -> None:
    order(site, "Oldest taken")
    expect(years(site)).to_have_text(["2019", "2021", "2024"])
    site.page.locator("#grid .tile-open").first.focus()
    status = site.page.locator("#results-status")
    while (text := status.text_content()) != f"{len(YEARS) * PER_YEAR + 1} pictures":
        site.page.keyboard.press("End")
        expect(status).not_to_have_text(text or "")
        site.settled()
    here = site.page.locator("#scrubber [aria-current]")
    for year in (2021, 2024):
        years(site).nth(YEARS.index(year)).click()
        expect(here).to_have_text(str(year))
        expect(site.tile(f"{year} 000.jpg")).to_be_in_viewport()
    expect(site.page).to_have_url(f"{site.url}/?sort=taken_at")
    site.page.get_by_role("button", name="Back to the top").click()
    expect(here).to_have_text("2019")


def test_on_a_phone_the_scrubber_hides_no_picture(visit: Visit, dated: str) -> None:
    site = visit(dated, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    site.open("/?sort=-taken_at")
    expect(years(site)).to_have_count(3)
    rail = site.page.locator("#scrubber").evaluate("it => it.getBoundingClientRect().left")
    tiles = site.page.locator("#grid .tile").evaluate_all(
        "all => Math.max(...all.map(it => it.getBoundingClientRect().right))"
    )
    assert tiles <= rail
    assert site.page.evaluate("document.documentElement.scrollWidth") == 390
