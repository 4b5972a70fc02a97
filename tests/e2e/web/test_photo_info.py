"""The details of a picture whose file says a lot of itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.web.conftest import Visit
from tests.support.camera_pictures import camera_picture
from tests.support.pictures import image_id
from tests.support.polling import finished_job
from tests.support.services import Stack

WORD = "unbrokenwithoutanyspaceatall" * 4
DESCRIPTION = f"A kite above the river, {'and a sentence that goes on, ' * 50}{WORD}"
KEYWORDS = ("kite", WORD, *(f"keyword {number}" for number in range(40)))
PICTURE = camera_picture("#ff0040", DESCRIPTION, KEYWORDS, (400, 300))


@pytest.fixture(scope="module")
def picture_id(stack: Stack) -> Iterator[str]:
    """The id of an indexed picture, deleted afterwards."""
    files = {"file": ("kite.jpg", PICTURE)}
    finished_job(stack.client, stack.client.post("/v1/images", files=files).headers["Location"])
    yield image_id(PICTURE)
    stack.client.delete(f"/v1/images/{image_id(PICTURE)}").raise_for_status()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_details_show_it_within_the_dialog(
    visit: Visit, picture_id: str, width: int, scheme: str
) -> None:
    viewport = {"width": width, "height": 844}
    site = visit(viewport=viewport, color_scheme=scheme, locale="en-GB", timezone_id="Asia/Tokyo")
    site.open(f"/?like={picture_id}")
    site.tile("kite.jpg").get_by_role("link", name="kite.jpg, score").click()
    dialog = site.page.get_by_role("dialog", name="kite.jpg")
    for text in (
        "1 May 2024, 12:00, UTC+02:00",
        "Canon EOS 5D",
        "EF50mm f/1.8 STM",
        "48.1371° N, 11.5754° E, 519\N{NO-BREAK SPACE}m",
        "A kite above the river",
        "keyword 39",
    ):
        expect(dialog).to_contain_text(text)
    # Long texts are folded at first.
    expect(dialog.locator("details:not([open])")).to_have_count(2)
    for summary in dialog.locator("summary").all():
        summary.click()
    for part in ("#details", ".details-text", "#details-facts"):
        box = site.page.locator(part)
        assert box.evaluate("each => each.scrollWidth <= each.clientWidth"), part
    dialog.get_by_role("button", name="More like this").scroll_into_view_if_needed()
    expect(dialog.get_by_role("button", name="More like this")).to_be_in_viewport()
