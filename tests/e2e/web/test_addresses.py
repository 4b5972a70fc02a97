"""Addresses of pictures and searches: the browser's history, reloads, links and new tabs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.web.conftest import Visit
from tests.support.pictures import jpeg
from tests.support.polling import wait_for
from tests.support.services import Stack
from tests.support.web.site import Site
from tests.support.web.tagged import tagged

# Enough pictures for a second page of results.
MANY = 60
# How far the enlarged picture is moved, and can be moved, in JavaScript.
_PANE = "document.getElementById('details-pane')"
LEFT_OF = f"Math.round({_PANE}.scrollLeft)"
RIGHTMOST = f"({_PANE}.scrollWidth - {_PANE}.clientWidth)"


@pytest.fixture(scope="module")
def many(stack: Stack) -> Iterator[str]:
    """The tag of more pictures than a page of results shows, deleted afterwards."""
    pictures = {f"many {number}.jpg": jpeg(number) for number in range(7000, 7000 + MANY)}
    with tagged(stack, "many", pictures) as tag:
        yield tag


def scroll(page: Page) -> int:
    return int(page.evaluate("Math.round(window.scrollY)"))


def top_of(tile: Locator) -> float:
    """Return the distance of a tile from the top of the window; infinite without the tile."""
    box = tile.bounding_box() if tile.count() else None
    return box["y"] if box else math.inf


def in_place(tile: Locator, top: float) -> None:
    """Wait until a tile is at a distance from the top of the window."""
    # The browser scrolls by whole pixels, and the page may have to scroll twice.
    wait_for(lambda: abs(top_of(tile) - top) < 2, 30, "the tile in its place")


def test_back_closes_a_picture_and_forward_opens_it(site: Site, album: dict[str, str]) -> None:
    site.page.set_viewport_size({"width": 500, "height": 500})
    site.open("/?q=red")
    tile = site.tile("blue.png").locator(".tile-open")
    tile.scroll_into_view_if_needed()
    tile.click()
    dialog = site.page.get_by_role("dialog", name="blue.png")
    expect(dialog).to_be_visible()
    expect(site.page).to_have_url(f"{site.url}/?q=red&image={album['blue.png']}")
    expect(site.page).to_have_title("blue.png · Glimpse")
    place = scroll(site.page)
    assert place > 0
    site.page.go_back()
    expect(dialog).to_be_hidden()
    expect(tile).to_be_focused()
    expect(site.page).to_have_url(f"{site.url}/?q=red")
    expect(site.page).to_have_title("red · Glimpse")
    assert scroll(site.page) == place
    site.page.go_forward()
    expect(dialog).to_be_visible()
    site.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(tile).to_be_focused()
    # Closing went back, so the history has not grown: forward still opens the picture.
    expect(site.page).to_have_url(f"{site.url}/?q=red")
    site.page.go_forward()
    expect(dialog).to_be_visible()
    site.page.reload()
    expect(dialog).to_be_visible()
    site.settled()
    site.page.get_by_role("button", name="Close").click()
    expect(tile).to_be_focused()


def test_steps_share_one_entry_of_the_history(site: Site) -> None:
    site.open("/?q=red")
    names = site.names()
    site.tile(names[0]).locator(".tile-open").click()
    for name in names[1:3]:
        site.page.keyboard.press("ArrowRight")
        expect(site.page.get_by_role("dialog", name=name)).to_be_visible()
    site.page.keyboard.press("ArrowLeft")
    expect(site.page.get_by_role("dialog", name=names[1])).to_be_visible()
    site.page.go_back()
    expect(site.page.get_by_role("dialog")).to_have_count(0)
    expect(site.tile(names[1]).locator(".tile-open")).to_be_focused()
    expect(site.page).to_have_url(f"{site.url}/?q=red")


def test_a_pasted_address_opens_a_picture_outside_the_results(
    site: Site, album: dict[str, str]
) -> None:
    site.open(f"/?tag=cool&image={album['red.png']}")
    dialog = site.page.get_by_role("dialog", name="red.png")
    expect(dialog).to_contain_text("400 \N{MULTIPLICATION SIGN} 300")
    expect(dialog.get_by_role("button", name="Next picture")).to_be_disabled()
    expect(site.tile("red.png")).to_have_count(0)
    site.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(site.page.locator("#results")).to_be_focused()
    expect(site.page).to_have_url(f"{site.url}/?tag=cool")


@pytest.mark.parametrize("unknown", ["0" * 64, "no-id", "../jobs"])
def test_an_unknown_picture_is_reported(site: Site, unknown: str) -> None:
    site.open(f"/?image={unknown}")
    dialog = site.page.get_by_role("dialog", name="Picture not found")
    expect(dialog.get_by_role("alert")).to_contain_text("It may have been deleted.")
    expect(dialog.get_by_role("button", name="More like this")).to_be_hidden()
    expect(dialog.get_by_role("button", name="Actual size")).to_be_hidden()
    dialog.get_by_role("button", name="Close").click()
    expect(site.page).to_have_url(f"{site.url}/")
    expect(site.tile("red.png")).to_be_visible()


def test_going_back_to_a_search_returns_to_its_place(site: Site, many: str) -> None:
    site.page.set_viewport_size({"width": 700, "height": 600})
    site.open(f"/?tag={many}")
    tiles = site.page.locator("#grid .tile-open")
    site.page.get_by_role("button", name="Load more pictures").scroll_into_view_if_needed()
    expect(site.page.locator("#results-status")).to_have_text(f"{MANY} pictures")
    tiles.first.focus()
    site.page.keyboard.press("End")
    expect(site.page.locator("#grid .tile").last).to_have_attribute("aria-posinset", str(MANY))
    last = site.tile(site.names()[-1]).locator(".tile-open")
    expect(last).to_be_focused()
    assert scroll(site.page) > 0
    place = top_of(last)
    site.page.keyboard.press("+")
    expect(site.page.locator(".term")).to_have_count(1)
    site.settled()
    site.page.go_back()
    expect(last).to_be_in_viewport()
    in_place(last, place)
    site.page.reload()
    expect(last).to_be_in_viewport()
    in_place(last, place)


def test_a_reader_keeps_the_place_when_a_line_appears_above(site: Site, many: str) -> None:
    held: list[Route] = []
    site.page.route(re.compile("/readyz"), lambda route: held.append(route))
    site.page.set_viewport_size({"width": 700, "height": 600})
    site.open(f"/?tag={many}")
    tile = site.page.locator("#grid .tile-open").nth(20)
    tile.scroll_into_view_if_needed()
    top = top_of(tile)
    model = site.page.get_by_text("Model: hashing")
    expect(model).to_be_hidden()
    held[0].continue_()
    expect(model).to_be_visible()
    in_place(tile, top)


def test_steps_go_on_past_the_loaded_pictures(site: Site, many: str) -> None:
    # A high window would load the second page at once; a narrow one has no tiles far below.
    site.page.set_viewport_size({"width": 1600, "height": 300})
    site.open(f"/?tag={many}")
    loaded = len(site.names())
    assert loaded < MANY
    site.tile(site.names()[-1]).locator(".tile-open").evaluate("tile => tile.click()")
    site.page.get_by_role("button", name="Next picture").click()
    expect(site.page.get_by_role("dialog", name=site.names()[loaded])).to_be_visible()


def test_a_click_with_a_modifier_opens_a_tab(site: Site, album: dict[str, str]) -> None:
    site.open("/?q=red")
    tile = site.tile("red.png").locator(".tile-open")
    expect(tile).to_have_attribute("href", f"/?q=red&image={album['red.png']}")
    for click in ({"modifiers": ["ControlOrMeta"]}, {"button": "middle"}):
        with site.page.context.expect_page() as opened:
            tile.click(**click)  # type: ignore[arg-type]
        tab = opened.value
        expect(tab.get_by_role("dialog", name="red.png")).to_be_visible()
        tab.close()
    expect(site.page.get_by_role("dialog")).to_have_count(0)


def test_a_picture_is_seen_at_its_actual_size(visit: Visit, album: dict[str, str]) -> None:
    site = visit(viewport={"width": 360, "height": 700})
    site.open(f"/?q=red&image={album['red.png']}")
    image = site.page.locator("#details-image")
    expect(image).to_have_js_property("naturalWidth", 400)
    fits = width(image_of(site))
    assert fits < 400
    zoom = site.page.get_by_role("button", name="Actual size")
    zoom.click()
    expect(zoom).to_have_attribute("aria-pressed", "true")
    pane = site.page.get_by_role("region", name="Picture at its actual size")
    expect(pane).to_be_focused()
    assert width(image_of(site)) == 400
    # The arrow keys move the picture, here to its edge, and do not step.
    for _ in range(4):
        site.page.keyboard.press("ArrowRight")
    site.page.wait_for_function(f"() => {LEFT_OF} === {RIGHTMOST}")
    expect(site.page.get_by_role("dialog", name="red.png")).to_be_visible()
    box = pane.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    site.page.mouse.move(x, y)
    site.page.mouse.down()
    site.page.mouse.move(x + 20, y, steps=4)
    site.page.mouse.up()
    site.page.wait_for_function(f"() => {LEFT_OF} < {RIGHTMOST}")
    expect(zoom).to_have_attribute("aria-pressed", "true")
    site.page.keyboard.press("z")
    expect(zoom).to_have_attribute("aria-pressed", "false")
    expect(zoom).to_be_focused()
    assert width(image_of(site)) == fits
    image.click()
    expect(zoom).to_have_attribute("aria-pressed", "true")


def image_of(site: Site) -> dict[str, float]:
    box = site.page.locator("#details-image").bounding_box()
    assert box is not None
    return dict(box)


def width(box: dict[str, float]) -> int:
    return round(box["width"])


def test_more_like_an_opened_picture_can_be_undone_by_going_back(
    site: Site, album: dict[str, str]
) -> None:
    site.open("/?q=red")
    site.tile("red.png").locator(".tile-open").click()
    site.page.get_by_role("button", name="More like this").click()
    expect(site.page.get_by_role("dialog")).to_have_count(0)
    expect(site.page).to_have_url(re.compile(f"q=red&like={album['red.png']}%7E0.5$"))
    site.page.go_back()
    expect(site.page.get_by_role("dialog", name="red.png")).to_be_visible()
    expect(site.page.locator(".term")).to_have_count(0)
