"""Accessibility: keyboard only, phone, dark mode, and screen reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.web.conftest import Visit
from tests.support.letters import give_up
from tests.support.pictures import jpeg, picture
from tests.support.services import Stack
from tests.support.web.axe import faults
from tests.support.web.site import Site

# The smallest common phone, in CSS pixels.
PHONE = {"width": 360, "height": 740}


def test_all_is_done_by_keyboard(site: Site) -> None:
    site.open()
    keyboard = site.page.keyboard
    expect(site.page.get_by_role("searchbox")).to_be_focused()
    keyboard.type("red")
    keyboard.press("Enter")
    expect(site.page.locator("#grid .tile-name").first).to_have_text("red.png")
    site.settled()
    tiles = site.page.locator(".tile-open")
    for _ in range(12):
        if tiles.first.evaluate("tile => tile === document.activeElement"):
            break
        keyboard.press("Tab")
    expect(tiles.first).to_be_focused()
    keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    keyboard.press("End")
    expect(tiles.last).to_be_focused()
    keyboard.press("Home")
    keyboard.press("Tab")
    expect(site.page.locator(".tile-more").first).to_be_focused()
    keyboard.press("Tab")
    expect(site.page.locator(".tile-less").first).to_be_focused()
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    keyboard.press("Enter")
    expect(site.page.get_by_role("dialog", name="red.png")).to_be_visible()
    keyboard.press("Escape")
    expect(tiles.first).to_be_focused()
    keyboard.press("+")
    expect(site.page.get_by_label("Weight of red.png")).to_have_value("0.5")
    site.settled()
    keyboard.press("Tab")
    expect(tiles.first).to_be_focused()
    keyboard.press("/")
    expect(site.page.get_by_role("searchbox")).to_be_focused()


def test_the_first_tab_stop_leads_past_the_head(site: Site) -> None:
    site.open("/?q=red")
    site.page.locator(".skip").focus()
    site.page.keyboard.press("Enter")
    site.page.keyboard.press("Tab")
    expect(site.page.locator(".tile-open").first).to_be_focused()


@pytest.mark.parametrize("address", ["/", "/?q=a+long+sentence+about+red", "/?q=red&tag=warm"])
def test_nothing_is_wider_than_a_phone(visit: Visit, album: dict[str, str], address: str) -> None:
    site = visit(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    site.open(address)
    assert width(site) == PHONE["width"]
    site.open_drawer()
    site.add({"a very long name " * 8 + ".png": b"no picture", "b.jpg": jpeg(4000)})
    expect(site.page.locator("#upload-failures li")).to_have_count(1)
    assert width(site) == PHONE["width"]
    assert site.page.locator("#drawer").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_a_picture_fits_a_phone(visit: Visit, album: dict[str, str]) -> None:
    site = visit(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    site.open(f"/?q=red&like={album['blue.png']}~-0.5")
    # Without a hovering pointer, a picture's actions are always visible.
    assert (
        site.page.locator(".tile-actions").first.evaluate("it => getComputedStyle(it).opacity")
        == "1"
    )
    site.tile("red.png").locator(".tile-open").tap()
    expect(site.page.locator("#details-facts")).to_contain_text("PNG")
    assert width(site) == PHONE["width"]
    assert site.page.locator("#details").evaluate("box => box.scrollWidth <= box.clientWidth")


def width(site: Site) -> int:
    return int(site.page.evaluate("document.documentElement.scrollWidth"))


def test_the_dark_is_dark_and_both_are_legible(visit: Visit, album: dict[str, str]) -> None:
    for scheme in ("light", "dark"):
        site = visit(color_scheme=scheme)
        site.open("/?q=red")
        ground = luminance(site, "body", "backgroundColor")
        assert (ground > 0.5) == (scheme == "light")
        for selector in ("body", "#results-status", ".tile-caption", "#open-jobs"):
            assert contrast(luminance(site, selector, "color"), ground) >= 4.5, selector
        for button in ("#open-uploads", "#search button.primary"):
            on, under = (luminance(site, button, it) for it in ("color", "backgroundColor"))
            assert contrast(on, under) >= 4.5, button


def luminance(site: Site, selector: str, colour: str) -> float:
    """Return the relative luminance of a colour as defined by WCAG."""
    text = site.page.locator(selector).first.evaluate(f"it => getComputedStyle(it).{colour}")
    parts = [float(part) / 255 for part in text[text.index("(") + 1 : -1].split(",")[:3]]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(part * share for part, share in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_a_screen_reader_has_names_for_all(site: Site) -> None:
    site.open("/?q=red")
    for landmark in ("banner", "main", "search"):
        expect(site.page.get_by_role(landmark)).to_have_count(1)
    expect(site.page.get_by_role("region", name="“red”")).to_be_visible()
    expect(site.page.get_by_role("list", name="“red”")).to_be_visible()
    nameless = site.page.evaluate(
        """() => [...document.querySelectorAll('button, input, progress, img, a')]
            .filter(it => it.checkVisibility())
            .filter(it => !(it.ariaLabel || it.alt || it.textContent.trim() || it.labels?.length))
            .map(it => it.outerHTML)"""
    )
    assert nameless == []


def test_who_wants_no_motion_gets_none(visit: Visit, album: dict[str, str]) -> None:
    site = visit(reduced_motion="reduce")
    site.open("/?q=red")
    moving = site.page.evaluate(
        """() => [...document.querySelectorAll('*')].filter(it => {
            const style = getComputedStyle(it);
            return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0;
        }).length"""
    )
    assert moving == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_part_of_the_page_has_faults(
    visit: Visit, stack: Stack, album: dict[str, str], scheme: str, width: int
) -> None:
    give_up(stack.redis.url, Path(stack.settings["GLIMPSE_BLOBS_DIR"]), picture("#330011"))
    viewport = {"width": width, "height": 800}
    # An element that fades in has another contrast meanwhile.
    site = visit(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    page = site.page
    site.open()
    assert faults(page) == []
    site.open(f"/?q=red&like={album['blue.png']}~-0.5&tag=warm&format=PNG")
    page.locator(".tile-check").first.check()
    assert faults(page) == []
    page.get_by_role("button", name="Tags").click()
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Filters")).click()
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Activity").click()
    page.locator("#letters-summary").click()
    expect(page.locator(".job").first).to_be_visible()
    site.add({"broken.png": b"no picture"})
    expect(page.locator("#upload-failures li")).to_have_count(1)
    assert faults(page) == []
    site.open(f"/?q=red&image={album['red.png']}")
    expect(page.locator("#details-facts")).to_contain_text("PNG")
    assert faults(page) == []
    site.open("/?tag=nowhere")
    assert faults(page) == []
    page.evaluate("document.getElementById('sign-in').showModal()")
    assert faults(page) == []
    for letter in stack.client.get("/v1/dead-letters").json()["dead_letters"]:
        stack.client.delete(f"/v1/dead-letters/{letter['id']}").raise_for_status()
