"""One drop or folder on the page is one job, however many requests it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from common.jobs.redis import RedisJobs
from common.redis.client import connect
from tests.e2e.web.conftest import Visit
from tests.support.pictures import image_id, jpeg
from tests.support.services import Stack
from tests.support.web.site import Site

# Files in the page's first request, in the drops of these tests, and how many of these are broken:
# they fail at once, so that the other tests' pages list few pictures of these.
FIRST, ALL, BROKEN = 64, 74, 62
# What the page calls such a drop.
NAME = f"00.jpg and {ALL - 1} more"


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> dict[str, bytes]:
    """Pictures that are unique to the test, too many for one request; the first are broken."""
    mark = request.node.name.encode()
    files = [b"broken %d" % number for number in range(BROKEN)]
    files += [jpeg(number) for number in range(ALL - BROKEN)]
    return {f"{number:02}.jpg": data + mark for number, data in enumerate(files)}


@contextmanager
def busy(site: Site, stack: Stack, pictures: dict[str, bytes]) -> Iterator[None]:
    """Add pictures; for the block, the service holds the first request's and refuses the rest."""
    site.open()
    site.open_drawer()
    stack.ingest_worker.suspend()
    try:
        site.add(pictures)
        expect(site.page.locator("#upload-wait")).to_contain_text("The service is busy")
        yield
    finally:
        stack.ingest_worker.resume()


def close_idle(stack: Stack) -> None:
    """Complete open jobs as the upkeep does after GLIMPSE_OPEN_JOB_S."""
    with connect(stack.redis.url) as redis:
        assert RedisJobs(redis, ttl_s=600).close_idle(0.001) >= 1


def rows(site: Site, name: str) -> Locator:
    return site.page.locator("#jobs .job").filter(has_text=name)


def summary(site: Site) -> Locator:
    return site.page.locator("#upload-summary")


def test_a_drop_is_one_job_with_one_list_of_failures(
    site: Site, pictures: dict[str, bytes]
) -> None:
    site.open()
    site.drop("#results", {f"dropped {name}": data for name, data in pictures.items()})
    expect(summary(site)).to_have_text(f"{ALL - BROKEN} pictures added, {BROKEN} failed.")
    expect(site.page.locator("#upload-failures li")).to_have_count(BROKEN)
    row = rows(site, f"dropped {NAME}")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Done, some failed")
    expect(row).to_contain_text(f"{ALL - BROKEN} of {ALL} pictures added")
    row.get_by_text(f"{BROKEN} files failed").click()
    expect(row.locator(".failures li")).to_have_count(BROKEN)


def test_copies_in_a_drop_are_duplicates(site: Site) -> None:
    site.open()
    site.drop("#results", {f"copy {number}.jpg": jpeg(5300) for number in range(ALL)})
    expect(summary(site)).to_have_text(f"1 picture added, {ALL - 1} duplicates.")


def test_a_folder_names_its_job(site: Site, folder: Path) -> None:
    for number, name in enumerate(("sea.png", "sky.png")):
        (folder / name).write_bytes(jpeg(5200 + number))
    site.open()
    site.drop_for_real(folder)
    expect(summary(site)).to_have_text("2 pictures added, 1 other file skipped.")
    expect(rows(site, "holiday/").first).to_contain_text("2 of 2 pictures added")


def test_one_cancel_ends_all_of_a_drop(
    site: Site, stack: Stack, pictures: dict[str, bytes]
) -> None:
    with busy(site, stack, pictures):
        row = rows(site, NAME).first
        expect(row).to_contain_text(f"0 of {FIRST} pictures added · more may follow")
        row.get_by_role("button", name="Cancel job").click()
        expect(row).to_contain_text("Cancelled")
        # The page notices when it sends the rest.
        expect(summary(site)).to_have_text(
            f"0 pictures added, {BROKEN} failed, {ALL - BROKEN} cancelled."
        )
    ids = [image_id(data) for data in pictures.values()]
    assert stack.client.post("/v1/images/check", json={"ids": ids}).json()["known"] == []


def test_a_killed_tab_leaves_a_job_that_closes_by_itself(
    visit: Visit, site: Site, stack: Stack, pictures: dict[str, bytes]
) -> None:
    with busy(site, stack, pictures):
        site.page.close()
    other = visit()
    other.open()
    other.page.get_by_role("button", name="Activity").click()
    row = rows(other, NAME).first
    expect(row).to_contain_text(f"{FIRST - BROKEN} of {FIRST} pictures added · more may follow")
    close_idle(stack)
    expect(row).to_contain_text("Done")
    expect(row).not_to_contain_text("more may follow")


def test_a_page_that_paused_for_hours_goes_on_in_another_job(
    site: Site, stack: Stack, pictures: dict[str, bytes]
) -> None:
    with busy(site, stack, pictures):
        close_idle(stack)
    expect(summary(site)).to_have_text(f"{ALL - BROKEN} pictures added, {BROKEN} failed.")
    expect(rows(site, NAME).first).to_contain_text(f"{ALL - FIRST} of")
