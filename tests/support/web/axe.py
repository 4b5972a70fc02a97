"""Faults in the accessibility of a page, as axe finds them."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# The criteria of WCAG 2.2, levels A and AA.
_CRITERIA = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


def faults(page: Page) -> list[str]:
    """Return the faults of what a page shows now: the rule, its explanation, and the elements."""
    # A document keeps the script, which is half a megabyte.
    axe = Axe("null") if page.evaluate("'axe' in window") else Axe()
    options = {"runOnly": list(_CRITERIA), "resultTypes": ["violations"]}
    return [
        f"{each['id']}: {node['failureSummary']} {node['html'][:300]}"
        for each in axe.run(page, options=options).response["violations"]
        for node in each["nodes"]
    ]
