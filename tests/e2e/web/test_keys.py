"""The page of a service that requires an API key."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from common.keys.base import Scope
from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.redis.client import connect
from tests.conftest import require
from tests.e2e.web.conftest import Visit
from tests.support.pictures import picture
from tests.support.services import MilvusLite, Stack, Valkey
from tests.support.web.site import Site


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {"GLIMPSE_MODEL": "hashing", "GLIMPSE_OPEN_TO": "nobody"}
    with Stack(tmp_path_factory.mktemp("keyed"), settings) as stack:
        yield stack


# The URL scheme of a picture that was fetched with a key.
_BLOB = re.compile("^blob:")


def make_key(stack: Stack, tenant: str, *scopes: Scope) -> str:
    token, key = issue(tenant, "page", scopes, time.time())
    with connect(stack.redis.url) as redis:
        RedisKeys(redis).add(key)
    return token.text


def sign_in(site: Site, key: str) -> None:
    dialog = site.page.get_by_role("dialog", name="This service requires an API key")
    expect(dialog).to_be_visible()
    dialog.get_by_label("API key").fill(key)
    dialog.get_by_role("button", name="Sign in").click()


def test_with_a_key_all_of_the_page_works(stack: Stack, visit: Visit) -> None:
    key = make_key(stack, "acme", "read", "write")
    site = visit()
    site.page.goto(site.url)
    sign_in(site, "glimpse_wrong")
    expect(site.page.locator("#sign-in-problem")).to_contain_text("wrong")
    sign_in(site, key)
    site.settled()
    site.open_drawer()
    site.add({"red.png": picture("red", (64, 48))})
    expect(site.page.locator("#upload-summary")).to_be_visible()
    site.page.keyboard.press("Escape")
    site.search("red")
    assert site.names() == ["red.png"]
    image = site.tile("red.png").locator("img")
    expect(image).to_have_attribute("src", _BLOB)
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") == 64
    site.tile("red.png").locator(".tile-open").click()
    expect(site.page.locator("#details-facts")).to_contain_text("PNG")
    expect(site.page.locator("#details-image")).to_have_js_property("naturalWidth", 64)
    with site.page.expect_download() as saved:
        site.page.locator("#details-link").click()
    assert saved.value.suggested_filename == "red.png"
    assert saved.value.path().read_bytes() == picture("red", (64, 48))
    # The tab stores the key; it is in no URL and no cookie.
    site.page.reload()
    site.settled()
    assert key not in site.page.url
    assert site.page.context.cookies() == []


def test_another_tenant_sees_nothing_and_who_signs_out_no_more(stack: Stack, visit: Visit) -> None:
    site = visit()
    site.page.goto(site.url)
    sign_in(site, make_key(stack, "globex", "read"))
    site.settled()
    expect(site.page.locator("#state-title")).to_have_text("No pictures here yet")
    site.page.locator("#sign-out").click()
    expect(site.page.get_by_role("dialog", name="This service requires an API key")).to_be_visible()
    site.page.keyboard.press("Escape")
    expect(site.page.locator("#state-title")).to_have_text("An API key is required")
    site.settled()
    expect(site.page.get_by_role("dialog")).to_have_count(0)
    site.page.get_by_role("button", name="Sign in").click()
    sign_in(site, make_key(stack, "globex", "read"))
    expect(site.page.locator("#state-title")).to_have_text("No pictures here yet")


def test_a_key_that_may_only_read_sees_no_buttons_that_write(stack: Stack, visit: Visit) -> None:
    indexed = {"Authorization": f"Bearer {make_key(stack, 'hooli', 'read', 'write')}"}
    files = {"file": ("blue.png", picture("blue"))}
    created = stack.client.post("/v1/images", files=files, headers=indexed)
    site = visit()
    site.page.goto(site.url)
    sign_in(site, make_key(stack, "hooli", "read"))
    site.settled()
    page = site.page
    expect(page.get_by_role("button", name="Add pictures")).to_be_hidden()
    page.get_by_role("button", name="Activity").click()
    job = page.get_by_role("dialog", name="Activity").locator(".job")
    expect(job).to_contain_text("1 of 1 picture added")
    assert created.status_code == 202
    expect(page.get_by_role("button", name="Choose files")).to_be_hidden()
    # A key may lose a scope while the page is open.
    site.add({"red.png": picture("red")})
    expect(page.locator("#upload-failures")).to_contain_text("The key lacks the scope 'write'")
    page.keyboard.press("Escape")
    site.search("blue")
    site.tile("blue.png").locator(".tile-open").click()
    expect(page.get_by_role("button", name="More like this")).to_be_visible()
    expect(page.locator("#details-delete")).to_be_hidden()


def test_a_key_that_may_not_read_is_reported(stack: Stack, visit: Visit) -> None:
    # A tenant without pictures.
    key = make_key(stack, "globex", "admin")
    site = visit()
    site.page.goto(f"{site.url}/?q=red")
    sign_in(site, key)
    notice = site.page.locator("#state")
    expect(notice).to_contain_text("The API key lacks permission")
    expect(notice).to_contain_text("The key lacks the scope 'read'")
    notice.get_by_role("button", name="Use another key").click()
    sign_in(site, make_key(stack, "globex", "read"))
    expect(site.page).to_have_url(f"{site.url}/?q=red")
    expect(notice).to_contain_text("No pictures found")
