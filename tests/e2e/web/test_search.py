"""Searching on the page: by sentence, picture and tag, and viewing a picture."""

from __future__ import annotations

import re

from playwright.sync_api import FilePayload, expect

from tests.support.pictures import picture
from tests.support.web.site import Site

# The minus sign before a negative score.
MINUS = "\N{MINUS SIGN}"


def test_a_sentence_finds_the_picture(site: Site, album: dict[str, str]) -> None:
    site.open()
    site.search("a red kite")
    assert site.names()[0] == "red.png"
    scores = [
        float(text.replace(MINUS, "-"))
        for text in site.page.locator(".tile-score").all_text_contents()
    ]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) >= len(album)
    expect(site.page.locator("#results-status")).to_contain_text(f"{len(scores)} pictures")


def test_the_address_holds_the_query_and_the_back_button_works(site: Site) -> None:
    site.open()
    site.search("red")
    site.search("blue")
    assert site.names()[0] == "blue.png"
    site.page.go_back()
    expect(site.page.locator("#results-title")).to_have_text("“red”")
    expect(site.page.locator("#grid .tile-name").first).to_have_text("red.png")
    expect(site.page.get_by_role("searchbox")).to_have_value("red")
    site.page.reload()
    expect(site.page.locator("#grid .tile-name").first).to_have_text("red.png")


def test_a_picture_opens_with_what_is_known_of_it(site: Site, album: dict[str, str]) -> None:
    site.open("/?q=red")
    site.tile("red.png").get_by_role("link", name="red.png, score").click()
    dialog = site.page.get_by_role("dialog", name="red.png")
    for text in ("400", "300", "PNG", "warm", "a beach", "Score"):
        expect(dialog).to_contain_text(text)
    content = f"/v1/images/{album['red.png']}/content"
    expect(dialog.get_by_role("link", name="Open the original")).to_have_attribute("href", content)
    image = dialog.get_by_role("img", name="red.png")
    expect(image).to_have_js_property("naturalWidth", 400)
    expect(image).to_have_attribute("src", content)
    site.page.keyboard.press("ArrowRight")
    second = site.names()[1]
    expect(site.page.get_by_role("dialog", name=second)).to_be_visible()
    site.page.keyboard.press("Escape")
    expect(site.page.get_by_role("dialog")).to_have_count(0)
    expect(site.tile(second).locator(".tile-open")).to_be_focused()


def test_more_like_this_becomes_a_part_of_the_query(site: Site, album: dict[str, str]) -> None:
    site.open("/?q=red")
    before = site.names().index("blue.png")
    tile = site.tile("blue.png")
    tile.hover()
    tile.get_by_role("button", name="More like blue.png").click()
    term = site.page.locator(".term")
    expect(term).to_contain_text("More like")
    expect(site.page.get_by_label("Weight of blue.png")).to_have_value("0.5")
    expect(site.page).to_have_url(re.compile(f"q=red&like={album['blue.png']}%7E0.5$"))
    site.settled()
    assert site.names().index("blue.png") < before
    site.page.get_by_label("Weight of blue.png").fill("2")
    site.page.get_by_label("Weight of blue.png").press("Enter")
    expect(site.page.locator("#grid .tile-name").first).to_have_text("blue.png")
    site.page.get_by_role("button", name="Remove blue.png from the query").click()
    expect(term).to_have_count(0)
    expect(site.page.locator("#grid .tile-name").first).to_have_text("red.png")


def test_less_like_this_pushes_away(site: Site, album: dict[str, str]) -> None:
    site.open("/?q=red")
    tile = site.tile("red.png")
    tile.hover()
    tile.get_by_role("button", name="Less like red.png").click()
    expect(site.page.locator(".term")).to_contain_text("Less like")
    site.settled()
    site.page.get_by_role("searchbox").fill("")
    site.page.get_by_role("searchbox").press("Enter")
    expect(site.page.locator("#results-title")).to_have_text("Pictures unlike these")
    site.settled()
    assert site.names()[-1] == "red.png"


def test_a_shared_address_names_its_pictures(site: Site, album: dict[str, str]) -> None:
    site.open(f"/?like={album['green.png']}")
    expect(site.page.get_by_label("Weight of green.png")).to_have_value("1")
    assert site.names()[0] == "green.png"


def test_a_dropped_picture_is_a_query(site: Site, album: dict[str, str]) -> None:
    site.open()
    site.drop("#search", {"mine.png": picture("#0000f0", (50, 50))})
    expect(site.page.locator(".term")).to_contain_text("More like")
    expect(site.page.get_by_label("Weight of mine.png")).to_have_value("1")
    expect(site.page.locator("#grid .tile-name").first).to_have_text("blue.png")
    site.search("red")
    expect(site.page.locator(".term")).to_have_count(1)
    site.page.go_back()
    expect(site.page.locator("#grid .tile-name").first).to_have_text("blue.png")


def test_a_query_whose_picture_the_browser_forgot_finds_nothing_else(site: Site) -> None:
    site.open()
    site.drop("#search", {"mine.png": picture("#0000f0", (50, 50))})
    expect(site.page.locator("#grid .tile-name").first).to_have_text("blue.png")
    site.page.reload()
    notice = site.page.locator("#state")
    expect(notice).to_contain_text("The picture of this search is no longer here")
    expect(site.page.locator("#grid .tile")).to_have_count(0)
    with site.page.expect_file_chooser() as chooser:
        notice.get_by_role("button", name="Choose a picture").click()
    file = FilePayload(name="other.png", mimeType="image/png", buffer=picture("#00f000", (50, 50)))
    chooser.value.set_files(file)
    expect(site.page.locator("#grid .tile-name").first).to_have_text("green.png")
    site.page.go_back()
    expect(notice).to_contain_text("The picture of this search is no longer here")


def test_a_pasted_picture_is_a_query(site: Site) -> None:
    site.open("/?q=red")
    site.paste({"copied.png": picture("#00c8c8", (50, 50))})
    expect(site.page.get_by_label("Weight of copied.png")).to_have_value("0.5")
    expect(site.page.get_by_role("searchbox")).to_have_value("red")
    weight = site.page.get_by_label("Weight of copied.png")
    weight.fill("2")
    weight.press("Enter")
    expect(site.page.locator("#grid .tile-name").first).to_have_text("cyan.png")
    # The part was re-rendered while in use.
    expect(site.page.get_by_label("Weight of copied.png")).to_be_focused()


def test_tags_narrow_what_is_found(site: Site) -> None:
    site.open("/?q=red")
    site.page.get_by_role("button", name="Filters").click()
    box = site.page.get_by_label("Filter by tag")
    box.fill("cool")
    box.press("Enter")
    expect(site.page).to_have_url(re.compile(r"tag=cool"))
    site.settled()
    assert sorted(site.names()) == ["blue.png", "cyan.png", "green.png"]
    box.fill("nowhere")
    box.press("Enter")
    expect(site.page.get_by_role("heading", name="No pictures have these tags")).to_be_visible()
    site.page.get_by_role("button", name="Remove tag nowhere").click()
    site.page.get_by_role("button", name="Remove tag cool").click()
    expect(site.tile("red.png")).to_be_visible()


def test_without_a_query_the_newest_are_shown(site: Site) -> None:
    site.open()
    expect(site.page.get_by_role("heading", name="Newest pictures")).to_be_visible()
    assert {"red.png", "blue.png"} <= set(site.names())
    site.page.goto(f"{site.url}/?tag=warm")
    site.settled()
    assert sorted(site.names()) == ["orange.png", "red.png", "yellow.png"]


def test_a_picture_that_is_gone_is_told(site: Site) -> None:
    site.open(f"/?q=red&like={'0' * 64}")
    expect(site.page.locator("#state[data-kind=error]")).to_be_visible()
    notice = site.page.get_by_role("heading", name="A picture of this search no longer exists")
    expect(notice).to_be_visible()
    expect(site.page.locator(".term")).to_have_class(re.compile(r"\bgone\b"))
    site.page.get_by_role("button", name="Search without it").click()
    expect(site.page.locator("#grid .tile-name").first).to_have_text("red.png")
    expect(site.page.locator(".term")).to_have_count(0)


def test_a_file_that_is_no_picture_is_refused_for_good(site: Site) -> None:
    site.open()
    site.drop("#search", {"mine.png": b"no picture"})
    expect(site.page.get_by_role("heading", name="The service cannot do this")).to_be_visible()
    expect(site.page.locator("#state")).to_contain_text("not a picture")
    expect(site.page.get_by_role("button", name="Try again")).to_be_hidden()


def test_the_model_is_named(site: Site) -> None:
    site.open()
    expect(site.page.locator("#model")).to_have_text("Model: hashing")
    site.page.route(
        "**/readyz?for=search",
        lambda route: route.fulfill(
            json={"parts": [{"part": "worker-search", "model": "starter"}]}
        ),
    )
    site.page.reload()
    expect(site.page.locator("#model")).to_contain_text(
        "Model: starter, a small stand-in for CLIP."
    )
