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
SIGN_IN_ELSEWHERE = {"status": 302, "headers": {"Location": "http://127.0.0.1:9/login"}}
REFUSED = {"status": 401, "body": "<h1>Sign in</h1>"}
FORBIDDEN = {"status": 403, "body": "<h1>Forbidden</h1>"}
TOO_LARGE = {"status": 413, "body": "<h1>Request Entity Too Large</h1>"}
# Requests that add pictures to a job, and those that ask for one.
ADDITIONS, POLLS = "**/v1/images?job=*", re.compile(r"/v1/jobs/\w+$")
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
    answer(site, "**/v1/**", FORBIDDEN)
    site.page.goto(f"{site.url}/?q=red")
    notice = site.page.locator("#state")
    expect(notice).to_contain_text("A proxy in front of the service answered with HTTP 403")


def test_an_upload_says_what_a_proxy_refuses(site: Site) -> None:
    site.open()
    site.open_drawer()
    answer(site, ADDITIONS, TOO_LARGE)
    site.add({"kept.jpg": jpeg(3300)})
    expect(site.page.locator("#upload-summary")).to_have_text("0 pictures added, 1 failed.")
    reason = "A proxy in front of the service accepts nothing of"
    expect(site.page.locator("#upload-failures")).to_contain_text(reason)


@pytest.mark.parametrize(
    ("seed", "content", "refused"),
    [
        (3301, SIGN_IN, ADDITIONS),
        (3302, REFUSED, ADDITIONS),
        (3303, SIGN_IN_ELSEWHERE, ADDITIONS),
        (3304, SIGN_IN, POLLS),
    ],
)
def test_an_upload_waits_for_a_sign_in(
    site: Site, stack: Stack, seed: int, content: dict[str, Any], refused: str | re.Pattern[str]
) -> None:
    site.open()
    site.open_drawer()
    answer(site, refused, content)
    # The answers to the upload would tell of the end of a faster worker.
    stack.ingest_worker.suspend()
    try:
        site.add({"kept.jpg": jpeg(seed)})
        waits = site.page.locator("#upload-wait")
        expect(waits).to_contain_text("You may be signed out; retrying automatically in")
        expect(waits.get_by_role("link", name="in another tab")).to_have_attribute(
            "href", f"{site.url}/"
        )
        expect(site.page.locator("#open-uploads-text")).to_have_text("Waiting")
    finally:
        stack.ingest_worker.resume()
    site.page.unroute(refused)
    waits.get_by_role("button", name="Try now").click()
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added.")
    expect(waits).to_be_hidden()
    if content is SIGN_IN_ELSEWHERE:
        # The browser reports where it was not allowed to go.
        assert site.complaints
        site.complaints.clear()
        site.hosts.discard("http://127.0.0.1:9")


def test_an_upload_whose_end_is_not_seen_is_in_progress(site: Site, stack: Stack) -> None:
    site.open()
    site.open_drawer()
    answer(site, POLLS, FORBIDDEN)
    # The answers to the upload, which are seen, would tell of a faster worker.
    stack.ingest_worker.suspend()
    try:
        site.add({"sent.jpg": jpeg(3310)})
        summary = site.page.locator("#upload-summary")
        expect(summary).to_have_text("0 pictures added, 1 still in progress.")
    finally:
        stack.ingest_worker.resume()
