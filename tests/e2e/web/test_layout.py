"""The layout of the results: justified rows, names, and the search box that stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.web.conftest import Visit
from tests.support.pictures import picture
from tests.support.services import Stack
from tests.support.web.site import Site
from tests.support.web.tagged import tagged

# Sizes of pictures whose rows are not filled by chance.
SIZES = [(90, 60), (60, 90), (60, 60), (160, 50), (300, 30), (80, 60)] * 4
FOLDER = "summer/the long name of a folder"


@pytest.fixture(scope="module")
def shapes(stack: Stack) -> Iterator[str]:
    """The tag of pictures of many shapes, deleted afterwards."""
    pictures = {
        f"{FOLDER}/{number}.png": picture(f"#00{number:02x}99", size)
        for number, size in enumerate(SIZES)
    }
    with tagged(stack, "shapes", pictures) as tag:
        yield tag


def boxes(site: Site) -> list[dict[str, float]]:
    """Return the place and size of each picture, in order."""
    found: list[dict[str, float]] = site.page.locator("#grid .tile-open").evaluate_all(
        """tiles => tiles.map(tile => {
            const { left, top, right, height } = tile.getBoundingClientRect();
            return { left, top, right, height };
        })"""
    )
    return found


@pytest.mark.parametrize("width", [390, 1440, 2560])
@pytest.mark.parametrize("query", ["", "q=red&"])
def test_rows_are_justified(visit: Visit, shapes: str, width: int, query: str) -> None:
    site = visit(viewport={"width": width, "height": 900})
    site.open(f"/?{query}tag={shapes}")
    rows: dict[float, list[dict[str, float]]] = {}
    for box in boxes(site):
        rows.setdefault(round(box["top"]), []).append(box)
    edges = {round(max(box["right"] for box in row)) for row in list(rows.values())[:-1]}
    assert len(edges) <= 1
    for row in rows.values():
        heights = [box["height"] for box in row]
        assert max(heights) - min(heights) < 2
    assert site.page.evaluate("document.documentElement.scrollWidth") == width


def test_names_are_shown_whole_with_their_folders(site: Site, shapes: str) -> None:
    site.open(f"/?tag={shapes}")
    for title in site.page.locator("#grid .tile-title").all():
        expect(title).to_contain_text(FOLDER)
        assert title.evaluate("each => each.scrollHeight <= each.clientHeight")


def test_a_long_sentence_leaves_the_results_in_view(visit: Visit, shapes: str) -> None:
    site = visit(viewport={"width": 390, "height": 844})
    site.open(f"/?q={'word+' * 400}&tag={shapes}")
    expect(site.page.locator("#grid .tile-open").first).to_be_in_viewport(ratio=1)


def test_a_long_word_begins_right_below_its_picture(site: Site, stack: Stack) -> None:
    with tagged(stack, "word", {f"{'a' * 200}.png": picture("#00aa99")}) as tag:
        site.open(f"/?tag={tag}")
        gap = site.page.locator("#grid .tile").evaluate(
            """tile => tile.querySelector('.tile-name').getClientRects()[0].top
                - tile.querySelector('.tile-open').getBoundingClientRect().bottom"""
        )
    assert 0 <= gap < 12


def test_the_arrow_keys_keep_the_column(site: Site, shapes: str) -> None:
    site.page.set_viewport_size({"width": 900, "height": 700})
    site.open(f"/?tag={shapes}")
    tiles = site.page.locator("#grid .tile-open")
    tiles.nth(1).focus()
    site.page.keyboard.press("ArrowDown")
    places = boxes(site)
    at = focused(site)
    below = places[at]
    assert below["top"] > places[1]["top"]
    middle = (places[1]["left"] + places[1]["right"]) / 2
    row = [box for box in places if round(box["top"]) == round(below["top"])]
    distances = [abs((box["left"] + box["right"]) / 2 - middle) for box in row]
    assert min(distances) == abs((below["left"] + below["right"]) / 2 - middle)
    site.page.keyboard.press("ArrowUp")
    assert round(boxes(site)[focused(site)]["top"]) == round(boxes(site)[0]["top"])


def focused(site: Site) -> int:
    """Return the number of the focused tile."""
    return int(
        site.page.locator("#grid .tile-open").evaluate_all(
            "tiles => tiles.indexOf(document.activeElement)"
        )
    )


@pytest.mark.parametrize("width", [390, 1440, 2560])
def test_the_search_box_stays_and_a_button_leads_back(
    visit: Visit, shapes: str, width: int
) -> None:
    site = visit(viewport={"width": width, "height": 300})
    site.open(f"/?tag={shapes}")
    button = site.page.get_by_role("button", name="Back to the top")
    expect(button).to_be_hidden()
    site.page.locator("#grid .tile").last.scroll_into_view_if_needed()
    expect(site.page.get_by_role("searchbox")).to_be_in_viewport()
    site.page.get_by_role("searchbox").click()
    button.click()
    expect(site.page.locator("#home")).to_be_in_viewport()
    expect(button).to_be_hidden()
