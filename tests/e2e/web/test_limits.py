"""Limits on hits: a minimum score, and grouping of near-duplicates."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.web.conftest import NOISE_TEXT
from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job
from tests.support.services import Stack
from tests.support.web.site import Site


@pytest.fixture
def twin(stack: Stack, album: dict[str, str]) -> Iterator[str]:
    """The name of a smaller copy of one of the album's pictures, indexed for one test."""
    name, data = "cyan-small.png", picture("cyan", (200, 150))
    response = stack.client.post("/v1/images", files={"file": (name, data)})
    finished_job(stack.client, response.headers["Location"])
    yield name
    stack.client.delete(f"/v1/images/{image_id(data)}").raise_for_status()


def scores(site: Site) -> list[float]:
    texts = site.page.locator(".tile-score").all_text_contents()
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]


def test_only_pictures_of_a_score_are_shown(site: Site) -> None:
    site.open("/?q=red")
    every = scores(site)
    box = site.page.get_by_label("Minimum score")
    expect(box).to_have_value("")
    least = round((every[0] + every[1]) / 2, 2)
    box.fill(str(least))
    box.press("Enter")
    expect(site.page).to_have_url(re.compile(rf"q=red&min={least}$"))
    expect(site.page.locator("#grid .tile-name")).to_have_text(["red.png"])
    site.page.reload()
    expect(box).to_have_value(str(least))
    expect(site.page.locator("#grid .tile-name")).to_have_text(["red.png"])
    box.fill("1")
    box.press("Enter")
    expect(site.page.get_by_role("heading", name="No pictures reach this score")).to_be_visible()
    box.fill("")
    box.press("Enter")
    site.settled()
    assert scores(site) == every


def test_near_duplicates_are_one_picture(site: Site, twin: str) -> None:
    site.open("/?q=cyan")
    pair = {"cyan.png", twin}
    assert set(site.names()[:2]) == pair
    site.page.get_by_label("Group near-duplicates").check()
    expect(site.page).to_have_url(re.compile(r"q=cyan&group=auto$"))
    expect(site.page.locator("#grid .tile-folded").first).to_have_text("+1")
    best, second = site.names()[:2]
    assert (best in pair, second in pair) == (True, False)
    open_best = site.page.get_by_role("link", name=re.compile(f"^{best}.*and 1 near-duplicate$"))
    open_best.click()
    (folded,) = pair - {best}
    dialog = site.page.get_by_role("dialog", name=best)
    expect(dialog).to_contain_text(folded)
    group = dialog.get_by_role("list", name="1 near-duplicate")
    expect(group.locator("img")).to_have_js_property("naturalWidth", 150)
    group.get_by_role("link", name=folded).click()
    expect(site.page.get_by_role("dialog", name=folded)).to_be_visible()
    expect(group).to_be_hidden()
    site.page.keyboard.press("Escape")
    site.page.go_back()
    expect(site.page.get_by_label("Group near-duplicates")).not_to_be_checked()
    expect(site.page.locator("#grid .tile-name").nth(1)).to_have_text(re.compile("cyan"))


def test_a_divider_is_before_what_hardly_matches(site: Site) -> None:
    site.open("/?q=red")
    divider = site.page.locator("#grid .divider")
    expect(divider).to_have_text("Less alike from here")
    above = divider.evaluate("divider => [...divider.parentElement.children].indexOf(divider)")
    is_noise = [score < NOISE_TEXT for score in scores(site)]
    assert is_noise == [False] * above + [True] * (len(is_noise) - above)
    # The arrow keys pass it.
    site.page.locator("#grid .tile-open").first.focus()
    for _ in is_noise[1:]:
        site.page.keyboard.press("ArrowRight")
    expect(site.page.locator("#grid .tile-open").last).to_be_focused()
    # Words that are no colours match no picture.
    site.search("silence")
    expect(divider).to_have_text("Nothing matches well; these come closest")
    site.open()
    expect(divider).to_have_count(0)


def test_the_newest_have_no_scores_to_ask_for(site: Site) -> None:
    site.open()
    expect(site.page.get_by_label("Minimum score")).to_be_hidden()
    site.search("red")
    expect(site.page.get_by_label("Minimum score")).to_be_visible()


def test_a_limit_of_an_address_that_is_none_is_left_out(site: Site) -> None:
    site.open("/?q=red&min=much&group=7")
    expect(site.page.get_by_label("Minimum score")).to_have_value("")
    assert site.names()[0] == "red.png"
