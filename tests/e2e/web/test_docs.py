"""The API documentation in a real browser: complete, interactive, and self-hosted."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.web.conftest import Visit
from tests.support.web.site import Site


def opened(visit: Visit, **context: object) -> Site:
    site = visit(**context)
    site.page.goto(f"{site.url}/docs")
    expect(site.page.locator(".opblock-tag")).to_have_count(9)
    return site


def test_it_shows_every_operation(visit: Visit) -> None:
    site = opened(visit)
    document = site.page.request.get(f"{site.url}/openapi.json").json()
    operations = sum(len(methods) for methods in document["paths"].values())
    expect(site.page.locator(".opblock")).to_have_count(operations)
    expect(site.page.get_by_text("OAS 3.1")).to_be_visible()


def test_a_call_can_be_tried(visit: Visit) -> None:
    site = opened(visit)
    site.page.locator("#operations-Service-service_healthz .opblock-summary-control").click()
    site.page.get_by_role("button", name="Try it out").click()
    site.page.get_by_role("button", name="Execute").click()
    live = site.page.locator("#operations-Service-service_healthz .live-responses-table")
    expect(live.get_by_text("200", exact=True).first).to_be_visible()
    expect(live).to_contain_text('"status": "ok"')
