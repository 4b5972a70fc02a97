"""The web page, driven as by a user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    ConsoleMessage,
    FilePayload,
    JSHandle,
    Locator,
    Page,
    Request,
    expect,
)

# Chromium's message about an error response. Tests check the page's handling of those instead.
_NO_SUCCESS = "Failed to load resource"


class Site:
    """One visit, which records the browser's errors and warnings, and every host requested.

    Args:
        page: An empty page.
        url: Base URL of Glimpse.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._on_request)

    def open(self, address: str = "/") -> None:
        """Open the page and wait until it has loaded its pictures."""
        self.page.goto(self.url + address)
        self.settled()

    def settled(self) -> None:
        """Wait until the results have finished loading."""
        expect(self.page.locator("#results:not([aria-busy])")).to_have_count(1)

    def search(self, text: str) -> None:
        """Search for a text, submitting with the Enter key."""
        box = self.page.get_by_role("searchbox")
        box.fill(text)
        box.press("Enter")
        expect(self.page.locator("#results-title")).to_have_text(f"“{text}”")
        self.settled()

    def names(self) -> list[str]:
        """Return the names of the visible pictures."""
        return self.page.locator("#grid .tile-name").all_text_contents()

    def tile(self, name: str) -> Locator:
        """Return the tile of a picture."""
        return self.page.locator("#grid .tile").filter(has=self.page.get_by_text(name, exact=True))

    def open_drawer(self) -> None:
        """Open the drawer for adding pictures."""
        self.page.locator("#open-uploads").click()
        expect(self.page.locator("#drawer")).to_be_visible()

    def add(self, files: Mapping[str, bytes]) -> None:
        """Choose files to add in the drawer."""
        self.page.locator("#files").set_input_files(
            [
                FilePayload(name=name, mimeType="image/png", buffer=data)
                for name, data in files.items()
            ]
        )

    def drop(self, selector: str, files: Mapping[str, bytes]) -> None:
        """Drop files onto an element."""
        transfer = self._transfer(files)
        for event in ("dragenter", "dragover", "drop"):
            self.page.dispatch_event(selector, event, {"dataTransfer": transfer})

    def drop_for_real(self, path: Path) -> None:
        """Drag a local file or folder onto the middle of the window."""
        window = self.page.evaluate("[innerWidth / 2, innerHeight / 2]")
        devtools = self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            place = {"x": window[0], "y": window[1]}
            devtools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})

    def paste(self, files: Mapping[str, bytes]) -> None:
        """Paste files into the page."""
        self._transfer(files).evaluate(
            """clipboardData => document.activeElement.dispatchEvent(
                new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))"""
        )

    def _transfer(self, files: Mapping[str, bytes]) -> JSHandle:
        return self.page.evaluate_handle(
            """files => {
                const transfer = new DataTransfer();
                for (const [name, bytes] of files) {
                    const file = new File([new Uint8Array(bytes)], name, { type: 'image/png' });
                    transfer.items.add(file);
                }
                return transfer;
            }""",
            [[name, list(data)] for name, data in files.items()],
        )

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_NO_SUCCESS):
            self.complaints.append(message.text)

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("blob", "data"):
            self.hosts.add(f"{address.scheme}://{address.netloc}")
