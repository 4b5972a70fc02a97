"""One stack and one browser for all tests of the page; a new visit for each test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from tests.conftest import miss, require
from tests.support.inline import Inline
from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job, ready
from tests.support.services import MilvusLite, Stack, Valkey
from tests.support.web import chromium
from tests.support.web.site import Site

# Milliseconds to wait for an expectation, on a busy machine.
_SEEN_MS = 30_000

# A tag and the colours of the pictures with it; the tests' model distinguishes colours.
ALBUM = {"warm": ("red", "orange", "yellow"), "cool": ("blue", "green", "cyan")}

# Score of a text below which hits are noise, between those of its colour and of others.
NOISE_TEXT = 0.4

Visit = Callable[..., Site]


@contextmanager
def served(inline: Inline) -> Iterator[str]:
    """Serve a Glimpse in this process; yield its URL."""
    server = make_server("127.0.0.1", 0, inline.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
    inline.close()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    # Refuse uploads while anything is queued, so that tests can provoke a refusal.
    settings = {
        "GLIMPSE_MODEL": "hashing",
        "GLIMPSE_MAX_WAIT_S": "0",
        "GLIMPSE_NOISE_TEXT": str(NOISE_TEXT),
    }
    with Stack(tmp_path_factory.mktemp("stack"), settings) as stack:
        ready(stack.client)
        yield stack


@pytest.fixture(scope="package")
def album(stack: Stack) -> dict[str, str]:
    """Pictures of one colour each: ids by name."""
    ids: dict[str, str] = {}
    for tag, colours in ALBUM.items():
        files = {f"{colour}.png": picture(colour, (400, 300)) for colour in colours}
        response = stack.client.post(
            "/v1/images",
            files=[("file", file) for file in files.items()],
            data={"metadata": json.dumps({"tags": [tag], "place": "a beach"})},
        )
        finished_job(stack.client, response.headers["Location"])
        ids |= {name: image_id(data) for name, data in files.items()}
    return ids


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    reason = chromium.absent()
    if reason is not None:
        miss(reason)
    expect.set_options(timeout=_SEEN_MS)
    with chromium.started() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[Visit]:
    """Factory of visits; checks afterwards that the browser reported no errors."""
    visits = []

    def begin(url: str = stack.api.url, **context: Any) -> Site:
        page = browser.new_context(**context).new_page()
        page.set_default_timeout(_SEEN_MS)
        visits.append(Site(page, url))
        return visits[-1]

    yield begin
    for site in visits:
        site.page.context.close()
        assert site.complaints == []
        assert site.hosts <= {site.url}


@pytest.fixture
def site(visit: Visit, album: dict[str, str]) -> Site:
    return visit()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two pictures, a note, and a hidden file."""
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "sea.png").write_bytes(picture("#123456", (60, 40)))
    (folder / "sky.png").write_bytes(picture("#654321", (60, 40)))
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden.png").write_bytes(picture("#abcdef"))
    return folder
