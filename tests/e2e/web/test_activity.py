"""The list of jobs on Activity, and their failures."""

from __future__ import annotations

from playwright.sync_api import Locator, Route, expect

from tests.support.polling import finished_job
from tests.support.services import Stack
from tests.support.web.site import Site

# More jobs than the page asks for at once.
JOBS = 45
# The page lists at most so many failures of a job.
LISTED = 200


def rows(site: Site) -> Locator:
    return site.page.locator("#jobs .job")


def open_activity(site: Site) -> None:
    site.page.get_by_role("button", name="Activity").click()
    expect(rows(site).first).to_be_visible()


def begin_job(stack: Stack, name: str) -> None:
    created = stack.client.post("/v1/jobs", json={"name": name}).raise_for_status()
    stack.client.post(f"{created.headers['Location']}/complete").raise_for_status()


def failed_job(stack: Stack, files: int) -> None:
    """Upload files that are no pictures, and wait for their job."""
    content = [("file", (f"{each}.png", f"no picture {each}".encode())) for each in range(files)]
    created = stack.client.post("/v1/images", files=content).raise_for_status()
    finished_job(stack.client, created.headers["Location"])


def test_no_job_is_missing_that_began_while_the_list_was_closed(site: Site, stack: Stack) -> None:
    begin_job(stack, "seen before")
    site.open()
    open_activity(site)
    site.page.keyboard.press("Escape")
    names = [f"unseen {number}" for number in range(JOBS)]
    for name in names:
        begin_job(stack, name)
    open_activity(site)
    older = site.page.get_by_role("button", name="Older activity")
    for name in reversed(names):
        row = rows(site).filter(has=site.page.get_by_text(name, exact=True))
        expect(row.or_(older).first).to_be_visible()
        if row.count() == 0:
            older.click()
        expect(row).to_have_count(1)


def test_a_list_of_failures_says_that_it_is_not_complete(site: Site, stack: Stack) -> None:
    failed_job(stack, LISTED + 1)
    site.open()
    open_activity(site)
    row = rows(site).first
    row.get_by_text(f"{LISTED + 1} files failed (first {LISTED} listed)").click()
    expect(row.locator(".failures li")).to_have_count(LISTED)


def test_failures_are_listed_after_the_list_was_closed_meanwhile(site: Site, stack: Stack) -> None:
    failed_job(stack, 1)
    site.open()
    open_activity(site)
    site.page.route("**/items?*", lambda _: None, times=1)
    summary = rows(site).first.get_by_text("1 file failed")
    with site.page.expect_request("**/items?*"):
        summary.click()
    site.page.keyboard.press("Escape")
    open_activity(site)
    summary.click()
    expect(rows(site).first.locator(".failures")).to_contain_text("The file is not a picture.")


def test_an_error_in_place_of_failures_stays(site: Site, stack: Stack) -> None:
    failed_job(stack, 1)
    site.open()
    open_activity(site)
    refusal = {"code": "forbidden", "title": "Forbidden", "detail": "No right to see them."}
    site.page.route(
        "**/items?*",
        lambda route: route.fulfill(
            json=refusal | {"status": 403}, content_type="application/problem+json"
        ),
    )
    with site.page.expect_response("**/items?*"):
        rows(site).first.get_by_text("1 file failed").click()
    # The list is updated every two seconds.
    for _ in range(2):
        with site.page.expect_response("**/v1/jobs?*"):
            pass
    expect(rows(site).first.locator(".failures li")).to_be_visible()


def test_an_older_page_of_a_list_that_has_begun_anew_is_dropped(site: Site, stack: Stack) -> None:
    names = [f"first {number}" for number in range(JOBS)]
    for name in names:
        begin_job(stack, name)
    site.open()
    open_activity(site)
    older, held = site.page.get_by_role("button", name="Older activity"), list[Route]()
    site.page.route("**/v1/jobs?*cursor=*", lambda route: held.append(route), times=1)
    with site.page.expect_request("**/v1/jobs?*cursor=*"):
        older.click()
    for number in range(JOBS):
        begin_job(stack, f"second {number}")
    newest = rows(site).filter(has=site.page.get_by_text(f"second {JOBS - 1}", exact=True))
    expect(newest).to_have_count(1)
    with site.page.expect_response("**/v1/jobs?*cursor=*"):
        held[0].continue_()
    expect(older).to_be_enabled()
    while rows(site).filter(has=site.page.get_by_text("first 0", exact=True)).count() == 0:
        with site.page.expect_response("**/v1/jobs?*cursor=*"):
            older.click()
        expect(older).to_be_enabled()
    expect(rows(site).filter(has_text="second")).to_have_count(JOBS)
