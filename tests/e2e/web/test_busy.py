"""A service that is busy or unavailable: the page says so and retries."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.web.conftest import Visit
from tests.support.pictures import jpeg
from tests.support.services import Stack
from tests.support.web.site import Site


def test_an_upload_waits_for_a_busy_service(site: Site, stack: Stack) -> None:
    site.open()
    site.open_drawer()
    stack.ingest_worker.suspend()
    try:
        held = stack.client.post("/v1/images", files=[("file", ("held.jpg", jpeg(3000)))])
        assert held.status_code == 202
        site.add({"patient.jpg": jpeg(3001)})
        expect(site.page.locator("#upload-wait")).to_contain_text("The service is busy")
        expect(site.page.locator("#upload-wait")).to_contain_text("retrying automatically in 1 s")
        expect(site.page.locator("#open-uploads-text")).to_have_text("Waiting")
    finally:
        stack.ingest_worker.resume()
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added.")
    expect(site.page.locator("#upload-wait")).to_be_hidden()


def test_an_upload_that_is_cancelled_sends_nothing_more(site: Site, stack: Stack) -> None:
    site.open()
    site.open_drawer()
    stack.ingest_worker.suspend()
    try:
        site.add({f"many {number}.jpg": jpeg(number) for number in range(3100, 3174)})
        expect(site.page.locator("#upload-wait")).to_contain_text("The service is busy")
        site.page.get_by_role("button", name="Cancel this upload").click()
        expect(site.page.get_by_role("heading", name="Add pictures")).to_be_focused()
        summary = "0 pictures added, 74 cancelled."
        expect(site.page.locator("#upload-summary")).to_have_text(summary)
        expect(site.page.locator("#jobs .job").first).to_contain_text("64 cancelled")
    finally:
        stack.ingest_worker.resume()


def test_what_had_begun_when_an_upload_was_cancelled_is_counted(site: Site, stack: Stack) -> None:
    site.open()
    site.open_drawer()
    stack.ingest_worker.suspend()
    try:
        with site.page.expect_response("**/complete"):
            site.add({"begun.jpg": jpeg(3200)})
        expect(site.page.locator("#indexed-text")).to_have_text("0 of 1")
        # As if a worker had begun, so that the service cancels nothing.
        site.page.route(
            "**/v1/jobs/*", lambda route: route.fulfill(response=route.fetch(method="GET"))
        )
        with site.page.expect_request(lambda request: request.method == "DELETE"):
            site.page.get_by_role("button", name="Cancel this upload").click()
        expect(site.page.locator("#upload-cancel")).to_be_hidden()
    finally:
        stack.ingest_worker.resume()
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added.")


def test_what_is_not_here_yet_is_shown_as_loading(site: Site, stack: Stack) -> None:
    site.open()
    stack.search_worker.suspend()
    try:
        box = site.page.get_by_role("searchbox")
        box.fill("green")
        box.press("Enter")
        expect(site.page.locator("#results-status")).to_have_text("Searching …")
        expect(site.page.locator("#skeleton")).to_be_visible()
        expect(site.page.locator("#results")).to_have_attribute("aria-busy", "true")
    finally:
        stack.search_worker.resume()
    expect(site.page.locator("#grid .tile-name").first).to_have_text("green.png")
    expect(site.page.locator("#skeleton")).to_be_hidden()


def test_a_search_goes_on_when_the_connection_is_back(site: Site) -> None:
    site.open()
    site.page.context.set_offline(True)
    box = site.page.get_by_role("searchbox")
    box.fill("red")
    box.press("Enter")
    notice = site.page.locator("#state")
    expect(notice).to_contain_text("No connection to the service")
    expect(notice.get_by_role("button", name="Try now")).to_be_visible()
    # The same words are announced, and not seen twice.
    expect(site.page.locator("#results-status")).to_have_css("clip-path", "inset(50%)")
    site.page.context.set_offline(False)
    expect(site.page.locator("#grid .tile-name").first).to_have_text("red.png")
    expect(notice).to_be_hidden()


def test_a_search_without_a_broker_waits_for_it(site: Site, stack: Stack) -> None:
    site.open()
    stack.redis.suspend()
    try:
        box = site.page.get_by_role("searchbox")
        box.fill("blue")
        box.press("Enter")
        expect(site.page.locator("#state[data-kind=busy]")).to_contain_text("is unavailable")
    finally:
        stack.redis.resume()
    site.page.get_by_role("button", name="Try now").press("Enter")
    expect(site.page.locator("#grid .tile-name").first).to_have_text("blue.png")
    expect(site.page.locator("#results")).to_be_focused()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_page_without_one_of_its_files_says_so(visit: Visit, motion: str) -> None:
    site = visit(reduced_motion=motion)
    site.page.route("**/terms.js", lambda route: route.abort())
    site.page.goto(site.url)
    notice = site.page.get_by_text("If nothing follows, load it again.")
    # Without waiting for ten seconds.
    site.page.evaluate("document.getAnimations().forEach((each) => each.finish())")
    expect(notice).to_be_visible()
    site.page.unroute("**/terms.js")
    site.page.reload()
    expect(site.page.get_by_role("button", name="Search", exact=True)).to_be_visible()
    expect(notice).to_have_count(0)
