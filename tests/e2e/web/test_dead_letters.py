"""Dead letters on Activity: trying a picture again, and discarding one."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.support.letters import give_up
from tests.support.pictures import image_id, picture
from tests.support.services import Stack
from tests.support.web.site import Site

# Pictures that were given up; the newest letter is listed first.
FIRST, SECOND = picture("#550011", (60, 40)), picture("#550022", (60, 40))


def test_they_are_tried_again_or_discarded(site: Site, stack: Stack) -> None:
    for data in (FIRST, SECOND):
        give_up(stack.redis.url, Path(stack.settings["GLIMPSE_BLOBS_DIR"]), data)
    site.open()
    site.page.get_by_role("button", name="Activity").click()
    site.page.locator("summary").get_by_text("2 dead letters").click()
    rows = site.page.get_by_role("list", name="Dead letters").get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("The model could not process this picture.")
    expect(rows.first).to_contain_text("1 attempt")
    ids = [each["id"] for each in stack.client.get("/v1/dead-letters").json()["dead_letters"]]
    rows.first.get_by_role("button", name="Discard a.png").click()
    expect(rows).to_have_count(2)
    rows.first.get_by_role("button", name="Really discard a.png?").click()
    expect(rows).to_have_count(1)
    expect(site.page.locator("#letters-status")).to_have_text("Discarded a.png")
    expect(rows.get_by_role("button", name="Try a.png again")).to_be_focused()
    rows.get_by_role("button", name="Try a.png again").click()
    expect(site.page.locator("#letters-status")).to_have_text("Trying a.png again")
    expect(site.page.locator("#letters")).to_be_hidden()
    # The job of the second attempt.
    expect(site.page.locator("#jobs .job").first).to_contain_text("1 of 1 picture added")
    assert set(ids) == {image_id(FIRST), image_id(SECOND)}
    assert stack.client.get(f"/v1/images/{ids[0]}").status_code == 404
    assert stack.client.get("/v1/dead-letters").json()["dead_letters"] == []
    stack.client.delete(f"/v1/images/{ids[1]}").raise_for_status()
