"""The page and the documentation of an API that is published below a path."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.web.conftest import Visit
from tests.support.pictures import image_id, picture
from tests.support.services import Api, Stack


@pytest.fixture(scope="module")
def published(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Another API of the stack, at /photos."""
    settings = stack.settings | {"GLIMPSE_PATH_PREFIX": "/photos"}
    with Api(tmp_path_factory.mktemp("published"), settings) as api:
        yield api


@pytest.mark.usefixtures("album")
def test_the_page_works_below_the_path(published: Api, visit: Visit) -> None:
    site = visit(published.url)
    site.open("/photos/")
    assert "red.png" in site.names()
    site.search("red")
    assert site.names()[0] == "red.png"
    address = urlsplit(site.page.url)
    assert (address.path, address.query) == ("/photos/", "q=red")
    site.tile("red.png").hover()
    site.tile("red.png").locator(".tile-more").click()
    site.settled()
    expect(site.page.locator("#terms img")).to_have_js_property("complete", value=True)
    # The address of a search can be opened again.
    site.page.reload()
    site.settled()
    assert "red.png" in site.names()
    site.page.locator("#home").click()
    site.settled()
    assert urlsplit(site.page.url).path == "/photos/"


def test_pictures_can_be_added_below_the_path(published: Api, stack: Stack, visit: Visit) -> None:
    site = visit(published.url)
    site.open("/photos/")
    site.open_drawer()
    site.add({"magenta.png": picture("magenta")})
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added.")
    # Other tests of the page list what is there.
    stack.client.delete(f"/v1/images/{image_id(picture('magenta'))}").raise_for_status()


def test_calls_can_be_tried_below_the_path(published: Api, visit: Visit) -> None:
    site = visit(published.url)
    site.page.goto(f"{published.url}/photos/docs")
    site.page.locator("#operations-Service-service_healthz .opblock-summary-control").click()
    site.page.get_by_role("button", name="Try it out").click()
    site.page.get_by_role("button", name="Execute").click()
    live = site.page.locator("#operations-Service-service_healthz .live-responses-table")
    expect(live).to_contain_text('"status": "ok"')
    expect(site.page.locator(".request-url")).to_contain_text("/photos/healthz")
