"""Safety of the page: untrusted content stays inert, and no other host is contacted."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.pictures import image_id, picture
from tests.support.web.site import Site

# A file name that would run a script if interpreted as markup.
HOSTILE = "<img src=x onerror=document.title='owned'>.png"
MARKUP = "<b onmouseover=alert(1)>bold</b>"


def test_a_hostile_name_stays_text(site: Site) -> None:
    site.open()
    site.open_drawer()
    site.page.get_by_label("Tags for these pictures").fill(MARKUP)
    site.add({HOSTILE: picture("#fefefe", (64, 64)), f"broken {HOSTILE}": b"no picture"})
    expect(site.page.locator("#upload-failures li")).to_contain_text(f"broken {HOSTILE}")
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added, 1 failed.")
    site.page.keyboard.press("Escape")
    site.search("white")
    site.tile(HOSTILE).locator(".tile-open").click()
    dialog = site.page.get_by_role("dialog", name=HOSTILE)
    expect(dialog.locator("#details-facts")).to_contain_text(HOSTILE)
    dialog.get_by_role("button", name="More like this").click()
    expect(site.page.get_by_label(f"Weight of {HOSTILE}")).to_be_visible()
    assert site.page.title() == "white · Glimpse"
    assert site.page.locator("img[src='x'], b").count() == 0
    assert site.complaints == []


def test_hostile_addresses_stay_text(site: Site) -> None:
    site.open("/?q=%3Cscript%3Edocument.title=1%3C/script%3E&tag=%3Cb%3E&like=javascript:alert(1)")
    expect(site.page.locator("#results-title")).to_have_text("“<script>document.title=1</script>”")
    expect(site.page.locator(".tag-chip > span")).to_have_text("<b>")
    expect(site.page.locator(".term")).to_have_count(0)


def test_no_script_but_the_pages_own_runs(site: Site) -> None:
    site.open()
    ran = site.page.evaluate(
        """() => {
            const script = document.createElement('script');
            try { script.textContent = 'window.ran = true'; document.head.append(script); } catch {}
            try { document.body.innerHTML = '<p>'; } catch {}
            return [window.ran === true, document.querySelector('main') !== null];
        }"""
    )
    assert ran == [False, True]
    # Here the browser must report the blocked script.
    assert site.complaints
    site.complaints.clear()


def test_a_picture_that_is_a_page_too_stays_a_picture(site: Site) -> None:
    data = picture("#fdfdfd") + b"<!doctype html><script>window.owned = true</script>"
    site.open()
    site.open_drawer()
    site.add({"page.html": data})
    expect(site.page.locator("#upload-summary")).to_have_text("1 picture added.")
    site.page.keyboard.press("Escape")
    site.search("white")
    expect(site.tile("page.html")).to_be_visible()
    site.page.goto(f"{site.url}/v1/images/{image_id(data)}/content")
    found = site.page.evaluate("[document.contentType, window.origin, window.owned === true]")
    assert found == ["image/png", "null", False]


def test_nobody_else_is_asked(site: Site) -> None:
    site.open("/?q=red")
    site.tile("red.png").locator(".tile-open").click()
    expect(site.page.locator("#details-facts")).to_contain_text("PNG")
    assert site.hosts == {site.url}
