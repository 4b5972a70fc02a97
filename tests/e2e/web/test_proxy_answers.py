"""What a proxy in front of the service answers: the page says so, and what to do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.support.pictures import jpeg
from tests.support.services import Stack
from tests.support.web.site import Site

SIGN_IN = {"status": 302, "headers": {"Location": "/docs"}}
REFUSED = {"status": 401, "body": "<h1>Sign in</h1>"}
TOO_LARGE = {"status": 413, "body": "<h1>Request Entity Too Large</h1>"}
SIGNED_OUT = "as if a sign-in had ended. Load the page again."


def answer(site: Site, pattern: str | re.Pattern[str], content: dict[str, Any]) -> None:
    """Answer requests to the service as a proxy would."""

    def fulfill(route: Route) -> None:
        route.fulfill(**content)

    site.page.route(pattern, fulfill)


@pytest.mark.parametrize("content", [SIGN_IN, REFUSED, {"status": 301}])
def test_who_is_signed_out_by_a_proxy_loads_the_page_again(
    site: Site, content: dict[str, Any]
) -> None:
    site.open()
    answer(site, "**/v1/**", content)
    site.page.get_by_role("searchbox").fill("red")
    site.page.keyboard.press("Enter")
    notice = site.page.locator("#state")
    expect(notice).to_contain_text("You may be signed out")
    expect(notice).to_contain_text(SIGNED_OUT)
    site.page.unroute("**/v1/**")
    notice.get_by_role("button", name="Load the page again").click()
    expect(site.page.locator("#grid .tile-name").first).to_have_text("red.png")


def test_an_error_page_of_a_proxy_is_named_as_such(site: Site) -> None:
    answer(site, "**/v1/**", {"status": 403, "body": "<h1>Forbidden</h1>"})
    site.page.goto(f"{site.url}/?q=red")
    notice = site.page.locator("#state")
    expect(notice).to_contain_text("A proxy in front of the service answered with HTTP 403")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(SIGN_IN, SIGNED_OUT), (TOO_LARGE, "A proxy in front of the service accepts nothing of")],
)
def test_an_upload_says_what_a_proxy_refuses(
    site: Site, content: dict[str, Any], reason: str
) -> None:
    site.open()
    site.open_drawer()
    answer(site, "**/v1/images?job=*", content)
    site.add({"kept.jpg": jpeg(3300)})
    expect(site.page.locator("#upload-summary")).to_have_text("0 pictures added, 1 failed.")
    expect(site.page.locator("#upload-failures")).to_contain_text(reason)


def test_an_upload_whose_end_is_not_seen_is_in_progress(site: Site, stack: Stack) -> None:
    site.open()
    site.open_drawer()
    answer(site, re.compile(r"/v1/jobs/\w+$"), SIGN_IN)
    # The answers to the upload, which are seen, would tell of a faster worker.
    stack.ingest_worker.suspend()
    try:
        site.add({"sent.jpg": jpeg(3310)})
        summary = site.page.locator("#upload-summary")
        expect(summary).to_have_text("0 pictures added, 1 still in progress.")
    finally:
        stack.ingest_worker.resume()


def test_an_upload_redirected_to_another_host_does_not_wait(site: Site) -> None:
    site.open()
    site.open_drawer()
    elsewhere = {"Location": "http://127.0.0.1:9/login"}
    answer(site, "**/v1/images?job=*", {"status": 302, "headers": elsewhere})
    site.add({"kept.jpg": jpeg(3300)})
    expect(site.page.locator("#upload-failures")).to_contain_text(SIGNED_OUT)
    # The browser reports where it was not allowed to go.
    assert site.complaints
    site.complaints.clear()
    site.hosts.discard("http://127.0.0.1:9")
