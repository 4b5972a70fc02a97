"""Filters on the page: the panel, the chips, their address, and totals."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from common.images.formats import MEDIA_TYPES
from tests.e2e.web.conftest import Visit
from tests.support.camera_pictures import camera_picture
from tests.support.pictures import image_id, jpeg
from tests.support.polling import finished_job
from tests.support.services import Stack
from tests.support.web.site import Site
from tests.support.web.tagged import tagged

# More pictures than a page of results.
MANY = 52


@pytest.fixture(scope="module")
def taken(stack: Stack) -> Iterator[str]:
    """The name of a picture that was taken with a Canon on 1 May 2024, deleted afterwards."""
    data = camera_picture("#7f0040", size=(800, 600))
    files = {"file": ("crete/harbour.jpg", data)}
    finished_job(stack.client, stack.client.post("/v1/images", files=files).headers["Location"])
    yield "harbour.jpg"
    stack.client.delete(f"/v1/images/{image_id(data)}").raise_for_status()


@pytest.fixture
def counted(stack: Stack) -> Iterator[str]:
    """The tag of more pictures than a page of results shows, deleted afterwards."""
    pictures = {f"counted {number}.jpg": jpeg(number) for number in range(9000, 9000 + MANY)}
    with tagged(stack, "counted", pictures) as tag:
        yield tag


def panel(site: Site) -> Locator:
    """Open the panel."""
    site.page.get_by_role("button", name=re.compile("^Filters")).click()
    return site.page.get_by_role("dialog", name="Filters")


def only(site: Site, name: str) -> None:
    """Wait until exactly one picture is shown."""
    expect(site.page.locator("#grid .tile-name")).to_have_text([name])


def test_pictures_are_filtered_by_what_is_known_of_them(
    site: Site, taken: str, album: dict[str, str]
) -> None:
    site.open()
    form = panel(site)
    form.get_by_label("Camera").fill("canon")
    form.get_by_label("Camera").press("Enter")
    only(site, taken)
    expect(site.page).to_have_url(f"{site.url}/?camera=canon")
    form.get_by_label("Taken from").fill("2024-05-01")
    form.get_by_label("Taken until").fill("2024-05-01")
    form.get_by_label("File name").fill("crete/har")
    form.get_by_label("File name").press("Enter")
    form.get_by_label("Width").select_option("640 pixels or more")
    form.get_by_label("Format").select_option("JPEG")
    expect(site.page.locator("#filters .tag-chip")).to_have_count(6)
    expect(site.page.locator("#open-filters")).to_have_text("Filters (6)")
    only(site, taken)
    # The address has all of them.
    site.page.reload()
    expect(site.page.locator("#filters .tag-chip")).to_have_count(6)
    only(site, taken)
    site.search("red")
    only(site, taken)
    site.page.go_back()
    form = panel(site)
    form.get_by_label("Taken until").fill("2024-04-30")
    expect(site.page.get_by_role("heading", name="No pictures match these filters")).to_be_visible()
    site.page.keyboard.press("Escape")
    expect(form).to_be_hidden()
    site.page.get_by_role("button", name=re.compile("^Remove filter: Taken until")).click()
    only(site, taken)
    panel(site).get_by_role("button", name="Remove all").click()
    expect(site.page).to_have_url(f"{site.url}/")
    expect(site.page.locator("#filters")).to_be_hidden()
    expect(site.tile("red.png")).to_be_visible()


def test_years_and_months_are_filters(site: Site, taken: str) -> None:
    site.open()
    form = panel(site)
    form.locator("summary").click()
    form.get_by_role("button", name="2024 (1)").click()
    only(site, taken)
    expect(site.page).to_have_url(f"{site.url}/?from=2024-01-01&to=2024-12-31")
    form.get_by_role("button", name="May (1)").click()
    expect(site.page).to_have_url(f"{site.url}/?from=2024-05-01&to=2024-05-31")
    only(site, taken)
    expect(form.get_by_role("button", name="May (1)")).to_have_attribute("aria-pressed", "true")
    form.get_by_role("button", name="All years").click()
    expect(site.page).to_have_url(f"{site.url}/")
    expect(form.get_by_role("button", name="2024 (1)")).to_be_visible()


def test_tags_of_the_service_are_suggested(site: Site, counted: str) -> None:
    site.open("/?q=red")
    field = panel(site).get_by_label("Filter by tag")
    field.focus()
    suggested = site.page.locator("#known-tags option")
    # The most frequent first.
    expect(suggested.first).to_have_attribute("value", counted)
    expect(suggested.first).to_have_text(f"{MANY} pictures")
    expect(site.page.locator("#known-tags option[value=warm]")).to_have_count(1)
    field.press_sequentially("WA")
    expect(suggested).to_have_count(1)
    expect(suggested).to_have_attribute("value", "warm")


def test_every_format_is_offered(site: Site) -> None:
    site.open()
    offered = site.page.locator("#filter-format option").evaluate_all(
        "all => all.map(o => o.value)"
    )
    assert sorted(offered) == sorted(["", *MEDIA_TYPES])


def test_what_is_no_filter_is_left_out(site: Site) -> None:
    site.open("/?from=yesterday&width=wide&format=EXE&camera=")
    expect(site.page.locator("#filters")).to_be_hidden()
    expect(site.tile("red.png")).to_be_visible()


def test_on_a_phone_filters_do_not_push_the_pictures_down(visit: Visit, taken: str) -> None:
    site = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    site.open("/?q=red")

    def top() -> float:
        top: float = site.page.locator("#grid").evaluate("it => it.getBoundingClientRect().top")
        return top

    before = top()
    form = panel(site)
    expect(form).to_be_visible()
    assert top() == before
    assert form.evaluate("it => it.scrollWidth <= it.clientWidth")
    form.get_by_label("Filter by tag").fill("a tag that is longer than any line of a phone " * 2)
    form.get_by_role("button", name="Add tag").click()
    form.get_by_label("Format").select_option("JPEG")
    expect(site.page.locator("#filters .tag-chip")).to_have_count(2)
    site.settled()
    assert top() == before
    assert site.page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_total_is_told(site: Site, counted: str) -> None:
    # A high window would load the second page at once.
    site.page.set_viewport_size({"width": 1600, "height": 300})
    site.open(f"/?tag={counted}")
    status = site.page.locator("#results-status")
    expect(status).to_have_text(f"48 of {MANY} pictures")
    site.page.locator("#grid .tile-open").first.focus()
    site.page.keyboard.press("End")
    expect(status).to_have_text(f"{MANY} pictures")
