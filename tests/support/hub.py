"""A server on loopback that speaks the Hugging Face Hub's protocol for files of models.

As on the hub, a file's address redirects to another host, with the file's checksum and commit in
headers; that host serves byte ranges, and must not receive the caller's token.
"""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from worker.encoders.file_digests import sha256_of

FILENAME = "open_clip_model.safetensors"

# Bytes of an answer that is too short, and bytes missing at the end of one that is cut off.
_SOME = 1000


class Hub(ThreadingHTTPServer):
    """Serves one file as ``FILENAME`` of a repository; ``way`` selects how.

    - ``good``: as the hub does
    - ``cut``: the first connection breaks in the middle of the body
    - ``stalled``: the first connection stays silent from there on
    - ``truncated``: the body is complete by HTTP's rules, but too short
    - ``html``: every answer is a web page, as of a hotel's network
    - ``401``, ``404``, ``503``: this status

    Args:
        file: What is served.
        repository: Its repository.
        commit: The commit that every revision means.
    """

    daemon_threads = True

    def __init__(self, file: Path, repository: str, commit: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file = file
        self.sha256 = sha256_of(file)
        self.repository = repository
        self.commit = commit
        self.way = "good"
        # Method, path, Range and Authorization of each request.
        self.asked: list[tuple[str, str, str, str]] = []
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def bodies(self) -> list[tuple[str, str, str, str]]:
        """The requests for the file's bytes."""
        return [asked for asked in self.asked if asked[:2] == ("GET", f"/files/{self.sha256}")]


class _Handler(BaseHTTPRequestHandler):
    """Answers as the hub and as the host of its files."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Log nothing, so that test output stays clean."""

    def _answer(self) -> None:
        given = [self.headers.get(name, "") for name in ("Range", "Authorization")]
        self.server.asked.append((self.command, self.path, *given))
        if self.server.way == "html":
            return self._send(200, b"<html>Please log in.</html>", {"Content-Type": "text/html"})
        if self.server.way.isdecimal():
            return self._refuse(int(self.server.way))
        if re.fullmatch(rf"/{self.server.repository}/resolve/[^/]+/{FILENAME}", self.path):
            return self._redirect()
        if self.path == f"/files/{self.server.sha256}":
            return self._file()
        return self._refuse(404)

    def _refuse(self, status: int) -> None:
        code = {404: "EntryNotFound", 401: "RepoNotFound"}.get(status, "")
        self._send(status, b"", {"X-Error-Code": code})

    def _redirect(self) -> None:
        headers = {
            # Another name of this machine, as the hub's files are on another host.
            "Location": f"http://localhost:{self.server.server_port}/files/{self.server.sha256}",
            "X-Repo-Commit": self.server.commit,
            "X-Linked-Etag": f'"{self.server.sha256}"',
            "X-Linked-Size": str(self.server.file.stat().st_size),
        }
        self._send(302, b"", headers)

    def _file(self) -> None:
        size = self.server.file.stat().st_size
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        cut = self.server.way in ("cut", "stalled") and start == 0
        truncated = self.server.way == "truncated"
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(_SOME if truncated else size - start))
        self.send_header("ETag", f'"{self.server.sha256}"')
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        with self.server.file.open("rb") as file:
            file.seek(start)
            if cut or truncated:
                self.wfile.write(file.read(_SOME if truncated else size - _SOME))
                if self.server.way == "stalled":
                    self.wfile.flush()
                    self.server.closing.wait(30)
                self.close_connection = cut
                return
            while block := file.read(1024**2):
                self.wfile.write(block)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def use(monkeypatch: pytest.MonkeyPatch, url: str, cache: Path) -> None:
    """Make this process use a hub; ``huggingface_hub`` reads its variables at import."""
    from huggingface_hub import constants

    template = "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
