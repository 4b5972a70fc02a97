"""A service without pictures: the page invites the first upload, and shows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from common.settings import load_settings
from tests.e2e.web.conftest import Visit, served
from tests.support.inline import start_inline
from tests.support.pictures import picture


@pytest.fixture
def empty() -> Iterator[str]:
    """URL of an empty Glimpse in this process."""
    with served(start_inline(load_settings({}))) as url:
        yield url


def test_the_first_picture_is_invited_and_shown(visit: Visit, empty: str) -> None:
    site = visit(empty)
    site.open()
    notice = site.page.locator("#state")
    expect(notice.get_by_role("heading", name="No pictures here yet")).to_be_visible()
    notice.get_by_role("button", name="Add pictures").click()
    expect(site.page.locator("#jobs-note")).to_have_text("Nothing yet.")
    site.add({"first.png": picture("green")})
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added.")
    site.page.keyboard.press("Escape")
    expect(site.tile("first.png")).to_be_visible()
    expect(notice).to_be_hidden()


def test_nothing_is_found_in_nothing(visit: Visit, empty: str) -> None:
    site = visit(empty)
    site.open("/?q=red")
    expect(site.page.get_by_role("heading", name="No pictures found")).to_be_visible()
    expect(site.page.locator("#state")).to_contain_text("There are no pictures to search yet.")
    site.page.get_by_role("button", name="Show all pictures").click()
    expect(site.page).to_have_url(f"{empty}/")
