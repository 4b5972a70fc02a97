"""Adding pictures on the page, and following their progress."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support import pictures
from tests.support.pictures import jpeg
from tests.support.services import Stack
from tests.support.web.site import Site


def empty_zip() -> bytes:
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    return file.getvalue()


BROKEN = {
    "note.png": (b"this is a text", "The file is not a picture."),
    "half.png": (pictures.truncated_jpeg(), "The JPEG picture is truncated or damaged."),
    "empty.png": (b"", "The file has no bytes."),
    "bomb.png": (pictures.bomb_png(), "The picture has 30000 x 30000 pixels"),
    "drawing.png": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG is not supported."),
    "bare.zip": (empty_zip(), "The archive contains no pictures"),
}


def files(first: int, count: int) -> dict[str, bytes]:
    return {f"added {number}.jpg": jpeg(number) for number in range(first, first + count)}


def values(site: Site, bar: str) -> list[float]:
    """Return every value that a bar has taken, in order."""
    taken: list[float] = json.loads(site.page.evaluate(f"JSON.stringify(window.taken.{bar})"))
    return taken


def watch(site: Site) -> None:
    """Record every value that the two bars take."""
    site.page.evaluate(
        """() => {
            window.taken = { sent: [], indexed: [] };
            for (const id of ['sent', 'indexed']) {
                new MutationObserver(() => window.taken[id].push(document.getElementById(id).value))
                    .observe(document.getElementById(id), { attributeFilter: ['value'] });
            }
        }"""
    )


def test_many_pictures_are_added_and_both_bars_fill(site: Site) -> None:
    site.open()
    site.open_drawer()
    site.page.get_by_label("Tags for these pictures").fill("from the page, new")
    watch(site)
    # More pictures than fit into one request.
    site.add(files(1000, 120))
    expect(site.page.locator("#upload-summary")).to_have_text("120 pictures added.")
    expect(site.page.get_by_role("progressbar", name="Sent")).to_have_js_property("value", 1)
    expect(site.page.get_by_role("progressbar", name="Searchable")).to_have_js_property("value", 1)
    expect(site.page.locator("#upload-status")).to_have_text("120 pictures added.")
    # The sent count may fall when a refused request is retried; the searchable count never falls.
    assert values(site, "indexed") == sorted(values(site, "indexed"))
    for bar in ("sent", "indexed"):
        assert values(site, bar)[-1] == 1
        assert len(set(values(site, bar))) >= 3
    site.page.keyboard.press("Escape")
    site.search("red")
    # The added pictures are listed, page by page.
    site.page.get_by_role("button", name="Load more pictures").scroll_into_view_if_needed()
    expect(site.tile("added 1119.jpg")).to_have_count(1)
    site.tile("added 1119.jpg").locator(".tile-open").click()
    expect(site.page.locator("#details-tags")).to_have_text("from the pagenew")


def test_bad_files_are_listed_with_their_reasons(site: Site) -> None:
    site.open()
    site.open_drawer()
    site.add({"good.png": jpeg(2000)} | {name: data for name, (data, _) in BROKEN.items()})
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added, 6 failed.")
    for name, (_, reason) in BROKEN.items():
        line = site.page.locator("#upload-failures li").filter(has_text=name)
        expect(line).to_contain_text(reason)
    expect(site.page.locator("#upload-failed-title")).to_have_text("6 files failed")


def test_a_known_picture_is_no_failure(site: Site) -> None:
    site.open()
    site.open_drawer()
    for summary in ("1 picture added.", "0 pictures added, 1 duplicate."):
        site.add({"twice.png": jpeg(2100)})
        expect(site.page.locator("#upload-summary")).to_have_text(summary)


def test_a_known_picture_gets_new_tags(site: Site) -> None:
    site.open()
    site.open_drawer()
    site.add({"known.png": jpeg(2150)})
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added.")
    site.page.locator("#upload-tags").fill("known")
    site.add({"known.png": jpeg(2150)})
    summary = "0 pictures added, 1 duplicate (1 changed)."
    expect(site.page.locator("#upload-summary")).to_have_text(summary)


def test_files_dropped_anywhere_are_added(site: Site) -> None:
    site.open()
    site.drop("#results", files(2200, 3))
    expect(site.page.locator("#upload-summary")).to_have_text("3 pictures added.")
    # The list behind the drawer is up to date.
    expect(site.tile("added 2202.jpg")).to_have_count(1)


def test_a_picture_pasted_into_the_drawer_is_added(site: Site) -> None:
    site.open()
    site.open_drawer()
    site.paste(files(2240, 1))
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added.")


def test_a_folder_brings_its_pictures_under_their_paths(
    site: Site, stack: Stack, folder: Path
) -> None:
    site.open()
    site.open_drawer()
    site.page.locator("#folder").set_input_files(folder)
    summary = "2 pictures added, 1 other file skipped."
    expect(site.page.locator("#upload-summary")).to_have_text(summary)
    data = (folder / "sea.png").read_bytes()
    image = stack.client.get(f"/v1/images/{pictures.image_id(data)}").json()
    assert image["filename"] == "holiday/sea.png"


def test_a_dropped_folder_is_walked(site: Site, stack: Stack, folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    data = jpeg(2250)
    (inner / "deep.jpg").write_bytes(data)
    for name in ("sea.png", "sky.png"):
        (folder / name).write_bytes(jpeg(2260 + len(name)) + name.encode())
    # Browsers of some systems know no media type for such a suffix.
    (folder / "raw.JPX").write_bytes(jpeg(2270))
    synology = inner / "@eaDir"
    synology.mkdir()
    (synology / "thumbnail.jpg").write_bytes(jpeg(2271))
    site.open()
    site.drop_for_real(folder)
    summary = "4 pictures added, 1 other file skipped."
    expect(site.page.locator("#upload-summary")).to_have_text(summary)
    image = stack.client.get(f"/v1/images/{pictures.image_id(data)}").json()
    assert image["filename"] == "holiday/inner/deep.jpg"


def test_a_folder_without_pictures_is_reported(site: Site, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")
    site.open()
    site.drop_for_real(tmp_path)
    summary = "0 pictures added, 1 other file skipped."
    expect(site.page.locator("#upload-summary")).to_have_text(summary)


def test_what_cannot_be_read_fails_and_the_others_are_added(site: Site, folder: Path) -> None:
    for name in ("sea.png", "sky.png", "lost.png"):
        (folder / name).write_bytes(jpeg(2280 + len(name)) + name.encode())
    site.open()
    # The user of the tests may be one who may read everything.
    site.page.evaluate(
        """() => {
            const original = DataTransferItem.prototype.webkitGetAsEntry;
            const refuse = (_, reject) => reject(new DOMException('', 'NotReadableError'));
            DataTransferItem.prototype.webkitGetAsEntry = function () {
                const entry = original.call(this);
                const reader = entry.createReader();
                const readEntries = (resolve, reject) => reader.readEntries((found) => {
                    for (const each of found) if (each.name === 'lost.png') each.file = refuse;
                    resolve(found);
                }, reject);
                entry.createReader = () => ({ readEntries });
                return entry;
            };
        }"""
    )
    site.drop_for_real(folder)
    expect(site.page.locator("#upload-summary")).to_contain_text("2 pictures added, 1 failed")
    reason = site.page.locator("#upload-failures li").filter(has_text="holiday/lost.png")
    expect(reason).to_contain_text("could not read it")


def test_a_file_that_was_deleted_since_it_was_chosen_fails_alone(
    site: Site, tmp_path: Path
) -> None:
    chosen = [tmp_path / f"{number}.jpg" for number in range(2290, 2293)]
    for file in chosen:
        file.write_bytes(jpeg(int(file.stem)))
    site.open()
    site.open_drawer()
    # The service opens the upload's job meanwhile.
    site.page.route("**/v1/jobs", lambda route: (chosen[1].unlink(), route.continue_()))
    site.page.locator("#files").set_input_files(chosen)
    expect(site.page.locator("#upload-summary")).to_have_text("2 pictures added, 1 failed.")
    expect(site.page.locator("#upload-failures")).to_contain_text("moved, changed or deleted")


def test_an_archive_is_unpacked(site: Site) -> None:
    site.open()
    site.open_drawer()
    site.add({"album.zip": pictures_in_a_zip()})
    expect(site.page.locator("#upload-summary")).to_have_text("2 pictures added.")


def pictures_in_a_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in (2300, 2301):
            archive.writestr(f"album/{number}.jpg", jpeg(number))
    return file.getvalue()


def test_jobs_are_listed_and_their_failures_shown(site: Site) -> None:
    site.open()
    site.open_drawer()
    site.add({"odd.png": b"odd", "even.png": jpeg(2400)})
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added, 1 failed.")
    site.page.keyboard.press("Escape")
    site.page.get_by_role("button", name="Activity").click()
    job = site.page.locator("#jobs .job").first
    expect(job).to_contain_text("Done, some failed")
    expect(job).to_contain_text("1 of 2 pictures added")
    job.get_by_text("1 file failed").click()
    expect(job.locator(".failures")).to_contain_text("The file is not a picture.")


@pytest.mark.parametrize("title", ["Activity", "Add pictures"])
def test_the_drawer_has_the_title_of_what_was_chosen(site: Site, title: str) -> None:
    site.open()
    site.page.get_by_role("button", name=title).click()
    drawer = site.page.get_by_role("dialog", name=title)
    expect(drawer.get_by_role("heading", name=title).first).to_be_focused()
    expect(drawer.get_by_text("Choose files")).to_be_visible(visible=title == "Add pictures")
    expect(drawer.locator(".jobs")).to_be_visible()


def test_a_job_says_what_its_archive_skipped(site: Site) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("<b>1</b>.txt", "2.txt", "@eaDir/3.jpg"):
            archive.writestr(name, "text")
        archive.writestr("4.jpg", jpeg(2500))
    site.open()
    site.open_drawer()
    site.add({"album.zip": packed.getvalue()})
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added.")
    site.page.keyboard.press("Escape")
    site.page.get_by_role("button", name="Activity").click()
    job = site.page.locator("#jobs .job").first
    expect(job.locator(".job-name")).to_have_text("album.zip")
    expect(job).to_contain_text("skipped 2 .txt, 1 @eaDir/")


def test_a_job_is_cancelled(site: Site, stack: Stack) -> None:
    site.open()
    site.open_drawer()
    stack.ingest_worker.suspend()
    try:
        site.add(files(2500, 2))
        job = site.page.locator("#jobs .job").filter(has_text="0 of 2 pictures").first
        job.get_by_role("button", name="Cancel job").click()
        expect(job).to_contain_text("2 cancelled")
    finally:
        stack.ingest_worker.resume()
    summary = "0 pictures added, 2 cancelled."
    expect(site.page.locator("#upload-summary")).to_have_text(summary)
