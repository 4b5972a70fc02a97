"""Changing pictures on the page: their tags, and deleting them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.web.conftest import Visit
from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job, wait_for
from tests.support.services import Stack
from tests.support.web.site import Site

LONG = "unbroken" * 16


@pytest.fixture
def unwanted(stack: Stack) -> Iterator[str]:
    """The id of an indexed picture with tags, deleted afterwards."""
    data = picture("#ff00ff", (64, 64))
    tags = {"metadata": json.dumps({"tags": ["draft", LONG]})}
    files = {"file": ("unwanted.png", data)}
    created = stack.client.post("/v1/images", files=files, data=tags)
    finished_job(stack.client, created.headers["Location"])
    yield image_id(data)
    stack.client.delete(f"/v1/images/{image_id(data)}")


def is_gone(stack: Stack, image: str) -> bool:
    return bool(stack.client.get(f"/v1/images/{image}").status_code == 404)


def delete(site: Site) -> None:
    """Delete the picture in its large view."""
    site.tile("unwanted.png").locator(".tile-open").click()
    site.page.get_by_role("button", name="Delete", exact=True).click()
    expect(site.page.get_by_role("dialog")).to_have_count(0)
    expect(site.tile("unwanted.png")).to_have_count(0)
    expect(site.page.locator("#undo-text")).to_have_text("Deleted unwanted.png")
    # Below the pointer, the notice stays.
    site.page.locator("#undo").hover()


def test_tags_are_added_and_removed(site: Site, stack: Stack, unwanted: str) -> None:
    site.open(f"/?image={unwanted}")
    dialog = site.page.get_by_role("dialog", name="unwanted.png")
    box = dialog.get_by_label("Add a tag to this picture")
    box.fill("pink")
    # The arrow keys move the cursor and do not step.
    box.press("ArrowLeft")
    box.press("Enter")
    expect(dialog.get_by_role("status")).to_have_text("Added the tag pink")
    expect(box).to_be_focused()
    expect(box).to_have_value("")
    dialog.get_by_role("button", name="Remove the tag draft").click()
    expect(dialog.get_by_role("status")).to_have_text("Removed the tag draft")
    expect(dialog.locator(".picture-tag")).to_have_text([LONG, "pink"])
    image = stack.client.get(f"/v1/images/{unwanted}").json()
    assert sorted(image["tags"]) == sorted([LONG, "pink"])
    dialog.get_by_role("button", name="pink", exact=True).click()
    site.settled()
    assert site.names() == ["unwanted.png"]


def test_a_refused_tag_is_reported(site: Site, unwanted: str) -> None:
    site.open(f"/?image={unwanted}")
    dialog = site.page.get_by_role("dialog", name="unwanted.png")
    box = dialog.get_by_label("Add a tag to this picture")
    # The box takes no longer tags from the keyboard.
    box.evaluate("box => { box.value = 'x'.repeat(129); box.form.requestSubmit(); }")
    expect(dialog.get_by_role("alert")).to_contain_text("128")
    # What was entered can be mended.
    expect(box).to_have_value("x" * 129)
    box.fill("mended")
    box.press("Enter")
    expect(dialog.locator(".picture-tag").filter(has_text="mended")).to_be_visible()
    expect(dialog.get_by_role("alert")).to_be_hidden()
    expect(box).to_have_value("")


@pytest.mark.parametrize("width", [1280, 360])
def test_long_tags_stay_within_the_page(visit: Visit, unwanted: str, width: int) -> None:
    site = visit(viewport={"width": width, "height": 800})
    site.open(f"/?tag={LONG}&image={unwanted}")
    expect(site.page.locator(".picture-tag")).to_have_count(2)
    for part in ("#details", ".details-text", ".picture-tags"):
        box = site.page.locator(part)
        assert box.evaluate("each => each.scrollWidth <= each.clientWidth"), part
    site.page.keyboard.press("Escape")
    expect(site.page.locator(".tag-chip")).to_be_visible()
    assert site.page.evaluate("document.documentElement.scrollWidth") == width


def test_a_deletion_is_undone(site: Site, stack: Stack, unwanted: str) -> None:
    site.open("/?tag=draft")
    delete(site)
    # Searches do not show the picture while its deletion can be undone.
    site.search("pink")
    expect(site.tile("unwanted.png")).to_have_count(0)
    site.page.get_by_role("button", name="Undo").click()
    expect(site.tile("unwanted.png").locator(".tile-open")).to_be_focused()
    expect(site.page.locator("#undo")).to_be_hidden()
    delete(site)
    site.page.keyboard.press("Control+z")
    expect(site.tile("unwanted.png")).to_be_visible()
    assert not is_gone(stack, unwanted)


def test_the_delete_key_deletes_once_however_long_it_is_held(
    site: Site, stack: Stack, unwanted: str
) -> None:
    site.open("/?tag=draft")
    site.tile("unwanted.png").locator(".tile-open").click()
    expect(site.page.locator("#details-facts")).to_contain_text("PNG")
    site.page.evaluate(
        """() => {
            for (const repeat of [false, true, true]) {
                const options = { key: 'Delete', repeat, bubbles: true };
                document.activeElement.dispatchEvent(new KeyboardEvent('keydown', options));
            }
        }"""
    )
    expect(site.page.locator("#undo-text")).to_have_text("Deleted unwanted.png")
    site.page.get_by_role("button", name="Undo").click()
    expect(site.tile("unwanted.png").locator(".tile-open")).to_be_focused()
    assert not is_gone(stack, unwanted)


def test_a_deletion_ends_with_its_notice(site: Site, stack: Stack, unwanted: str) -> None:
    site.open("/?tag=draft")
    delete(site)
    site.page.get_by_role("button", name="Dismiss").click()
    expect(site.page.locator("#undo")).to_be_hidden()
    wait_for(lambda: is_gone(stack, unwanted), 60, "the deletion")


def test_leaving_the_page_ends_a_deletion(site: Site, stack: Stack, unwanted: str) -> None:
    site.open("/?tag=draft")
    delete(site)
    site.page.goto(f"{site.url}/healthz")
    wait_for(lambda: is_gone(stack, unwanted), 60, "the deletion")
