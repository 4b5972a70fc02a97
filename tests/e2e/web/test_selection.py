"""Selecting several pictures on the page: their tags, downloads, and deleting them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Download, expect

from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job, wait_for
from tests.support.services import Stack
from tests.support.web.site import Site

# Names of pictures to select, the newest last.
NAMES = [f"chosen {number}.png" for number in range(6)]


@pytest.fixture
def chosen(stack: Stack) -> Iterator[dict[str, str]]:
    """Ids by name of indexed pictures with the tag `chosen`, deleted afterwards."""
    pictures = {name: picture(f"#{at}0{at}0ff", (64, 48)) for at, name in enumerate(NAMES)}
    created = stack.client.post(
        "/v1/images",
        files=[("file", file) for file in pictures.items()],
        data={"metadata": json.dumps({"tags": ["chosen"]})},
    )
    finished_job(stack.client, created.headers["Location"])
    ids = {name: image_id(data) for name, data in pictures.items()}
    yield ids
    for image in ids.values():
        stack.client.delete(f"/v1/images/{image}")


def selected(site: Site) -> list[str]:
    """Return the names of the selected tiles."""
    return site.page.locator("#grid .tile:has(:checked) .tile-name").all_text_contents()


def bar(site: Site, text: str) -> None:
    """Wait until the bar says something."""
    expect(site.page.get_by_role("region", name="Selected pictures")).to_contain_text(text)


def test_pictures_are_selected_by_mouse_and_keyboard(site: Site, chosen: dict[str, str]) -> None:
    site.open("/?tag=chosen")
    names = site.names()
    tiles = site.page.locator("#grid .tile")
    tiles.nth(1).get_by_role("checkbox", name=f"Select {names[1]}").check()
    bar(site, "1 picture selected")
    tiles.nth(4).locator(".tile-check").click(modifiers=["Shift"])
    bar(site, "4 pictures selected")
    assert selected(site) == names[1:5]
    # While some are selected, a click on a picture selects it, too.
    tiles.nth(0).locator(".tile-open").click()
    tiles.nth(3).locator(".tile-open").click()
    assert selected(site) == [names[0], names[1], names[2], names[4]]
    expect(site.page.get_by_role("dialog")).to_have_count(0)
    site.page.keyboard.press("Escape")
    expect(site.page.locator("#selection")).to_be_hidden()
    assert selected(site) == []
    tiles.nth(2).locator(".tile-open").focus()
    site.page.keyboard.press("Space")
    site.page.keyboard.press("Shift+ArrowRight")
    site.page.keyboard.press("Shift+ArrowRight")
    assert selected(site) == names[2:5]
    site.page.keyboard.press("ControlOrMeta+a")
    bar(site, "6 pictures selected")
    site.page.get_by_role("button", name="Clear the selection").click()
    expect(tiles.nth(4).locator(".tile-open")).to_be_focused()
    # Another query has other pictures.
    site.page.keyboard.press("Space")
    site.search("red")
    expect(site.page.locator("#selection")).to_be_hidden()


def test_tags_of_several_pictures_change(site: Site, stack: Stack, chosen: dict[str, str]) -> None:
    site.open("/?tag=chosen")
    site.page.locator("#grid .tile-open").first.focus()
    site.page.keyboard.press("ControlOrMeta+a")
    site.page.get_by_role("button", name="Tags").click()
    dialog = site.page.get_by_role("dialog", name="Tags of 6 pictures")
    dialog.get_by_label("Add a tag to these pictures").fill("violet")
    # The page asks for the job until it has ended.
    stack.ingest_worker.suspend()
    try:
        with site.page.expect_response("**/v1/jobs/*"):
            dialog.get_by_role("button", name="Add").click()
        expect(dialog.get_by_role("status")).to_have_text("Changing 6 pictures …")
    finally:
        stack.ingest_worker.resume()
    expect(dialog.get_by_role("status")).to_have_text("Added the tag violet to 6 pictures")
    dialog.get_by_role("button", name="Remove the tag chosen").click()
    expect(dialog.get_by_role("status")).to_have_text("Removed the tag chosen from 6 pictures")
    expect(dialog.locator(".tag-chip > span")).to_have_text(["violet"])
    dialog.get_by_label("Add a tag to these pictures").evaluate(
        "box => { box.value = 'x'.repeat(129); box.form.requestSubmit(); }"
    )
    expect(dialog.get_by_role("alert")).to_contain_text("128")
    expect(dialog.get_by_label("Add a tag to these pictures")).to_have_value("x" * 129)
    for image in chosen.values():
        assert stack.client.get(f"/v1/images/{image}").json()["tags"] == ["violet"]
    site.page.keyboard.press("Escape")
    expect(site.page.get_by_role("button", name="Tags")).to_be_focused()
    site.page.keyboard.press("Escape")
    expect(site.page.locator("#selection")).to_be_hidden()
    expect(site.page.locator("#grid .tile-open").first).to_be_focused()


def test_several_originals_are_downloaded(site: Site, chosen: dict[str, str]) -> None:
    site.open("/?tag=chosen")
    tiles = site.page.locator("#grid .tile-check")
    for at in (0, 1):
        tiles.nth(at).check()
    saved: list[Download] = []
    # Playwright sets attributes on its callbacks, which a built-in method has not.
    site.page.on("download", lambda each: saved.append(each))
    with site.page.expect_download():
        site.page.get_by_role("button", name="Download").click()
    bar(site, "2 pictures selected")
    if len(saved) < 2:
        site.page.wait_for_event("download")
    by_name = {each.suggested_filename: image_id(each.path().read_bytes()) for each in saved}
    assert by_name == {name: chosen[name] for name in site.names()[:2]}


def test_several_pictures_are_deleted(site: Site, stack: Stack, chosen: dict[str, str]) -> None:
    site.open("/?tag=chosen")
    names = site.names()
    tiles = site.page.locator("#grid .tile")
    for at in (1, 2):
        tiles.nth(at).locator(".tile-check").check()
    site.page.get_by_role("button", name="Delete", exact=True).click()
    expect(site.page.locator("#undo-text")).to_have_text("Deleted 2 pictures")
    expect(tiles).to_have_count(4)
    expect(site.tile(names[3]).locator(".tile-open")).to_be_focused()
    site.page.keyboard.press("Control+z")
    expect(tiles).to_have_count(6)
    for at in (1, 2):
        tiles.nth(at).locator(".tile-check").check()
    site.page.keyboard.press("Delete")
    site.page.get_by_role("button", name="Dismiss").click()
    for name in names[1:3]:
        path = f"/v1/images/{chosen[name]}"
        wait_for(lambda path=path: stack.client.get(path).status_code == 404, 60, "the deletion")
    assert stack.client.get(f"/v1/images/{chosen[names[0]]}").status_code == 200
