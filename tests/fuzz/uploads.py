"""Target: the upload parser, from the bytes of a request to blobs, records and tasks."""

from __future__ import annotations

import atexit
import hashlib
import io
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from werkzeug.test import TestResponse

from api.dispatch.inline import InlineDispatcher
from api.idempotency.memory import MemoryIdempotency
from api.load.memory import MemoryLoad
from api.schemas.problem import CODES
from common.blobs.folder import FolderBlobs
from common.contract import INGEST_ARCHIVE, INGEST_CHUNK, IngestArchive, IngestChunk
from common.jobs.memory import MemoryJobs
from common.settings import load_settings
from tests.fuzz.chances import mostly
from tests.fuzz.forms import TYPES, forms, multipart
from tests.fuzz.target import Target
from tests.support.archives import tar_of, zip_of
from tests.support.damage import DAMAGE, damaged
from tests.support.inline import Inline, replace_parts, start_inline
from tests.support.pictures import one_pixel_png

# Small limits, so that small requests exceed them.
_SETTINGS = load_settings(
    {
        "GLIMPSE_CHUNK_IMAGES": "3",
        "GLIMPSE_IMAGE_BYTES_MAX": "2000",
        "GLIMPSE_UPLOAD_BYTES_MAX": "12000",
        "GLIMPSE_UPLOAD_PARTS_MAX": "12",
    }
)

_TENANT = "default"


@dataclass(frozen=True, slots=True)
class Case:
    """A request as passed on by gunicorn."""

    content_type: str
    body: bytes
    # The raw query string of the URL.
    query: str = ""
    # Difference between Content-Length and the body's length; None omits the header.
    length_off: int | None = 0
    # Value of ``wsgi.input_terminated``, which gunicorn sets to true; None omits it.
    terminated: bool | None = True
    key: str | None = None


class Receiver:
    """The app on its own folder; its tasks are recorded instead of executed."""

    def __init__(self) -> None:
        root = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, root)
        self.blobs = FolderBlobs(root / "blobs")
        self.archives = FolderBlobs(root / "archives")
        self._inline: Inline = start_inline(_SETTINGS, workers=False)
        self.chunks: list[IngestChunk] = []
        self.unpacking: list[IngestArchive] = []
        self.jobs = MemoryJobs()

    def receive(self, case: Case) -> TestResponse:
        """Send a request to an app in its initial state."""
        self._begin()
        environ: dict[str, Any] = {}
        if case.terminated is not None:
            environ["wsgi.input_terminated"] = case.terminated
        if case.length_off is not None:
            environ["CONTENT_LENGTH"] = str(max(0, len(case.body) + case.length_off))
        return self._inline.app.test_client().post(
            f"/v1/images?{case.query}",
            input_stream=io.BytesIO(case.body),
            headers={} if case.key is None else {"Idempotency-Key": case.key},
            environ_overrides={"CONTENT_TYPE": case.content_type, **environ},
        )

    def kept(self, store: FolderBlobs) -> dict[str, bytes]:
        """Return all blobs of a store; check that none belongs to another tenant."""
        blobs = list(store.stored())
        assert {blob.tenant for blob in blobs} <= {_TENANT}
        return {blob.id: store.read(blob.tenant, blob.id) for blob in blobs}

    def unfinished(self) -> list[Path]:
        """Return incoming files, of which none may remain after the response."""
        folders = [store.incoming.folder() for store in (self.blobs, self.archives)]
        return [path for folder in folders for path in folder.iterdir()]

    def _begin(self) -> None:
        for store in (self.blobs, self.archives):
            for blob in list(store.stored()):
                store.delete(blob.tenant, blob.id)
        for path in self.unfinished():
            path.unlink()
        self.chunks, self.unpacking, self.jobs = [], [], MemoryJobs()
        services = self._inline.app.extensions["glimpse"]
        replace_parts(
            self._inline,
            blobs=self.blobs,
            archives=self.archives,
            jobs=self.jobs,
            load=MemoryLoad(self.jobs, services.heartbeats, self._inline.quotas),
            idempotency=MemoryIdempotency(),
            dispatcher=InlineDispatcher(
                {INGEST_CHUNK: self._take_chunk, INGEST_ARCHIVE: self._take_archive}
            ),
        )

    def _take_chunk(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.chunks.append(IngestChunk.model_validate(payload))
        return {}

    def _take_archive(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.unpacking.append(IngestArchive.model_validate(payload))
        return {}


RECEIVER = Receiver()


def check(case: Case) -> None:
    """Send a request; check that the response is documented and the stored data was sent.

    The client validates every response against the OpenAPI document.
    """
    response = RECEIVER.receive(case)
    assert response.status_code == 202 or 400 <= response.status_code < 500, response.text
    assert not RECEIVER.unfinished()
    if response.status_code == 202:
        _check_accepted(case, response.get_json()["id"])
    else:
        assert response.get_json()["code"] in CODES
        assert not RECEIVER.jobs.page(_TENANT, None, 10)[0]
        assert not RECEIVER.kept(RECEIVER.blobs)
        assert not RECEIVER.kept(RECEIVER.archives)
        assert not RECEIVER.chunks
        assert not RECEIVER.unpacking


def _check_accepted(case: Case, job_id: str) -> None:
    """Compare the stored blobs, records and tasks with each other and with the body."""
    assert (case.length_off or 0) <= 0, "a body that broke off is no whole one"
    pictures, archives = RECEIVER.kept(RECEIVER.blobs), RECEIVER.kept(RECEIVER.archives)
    for image_id, data in pictures.items():
        assert hashlib.sha256(data).hexdigest() == image_id
        assert 0 < len(data) <= _SETTINGS.image_bytes_max
        assert data in case.body
    sent = [item for chunk in RECEIVER.chunks for item in chunk.items]
    assert sorted(item.id for item in sent) == sorted(pictures)
    items = {item.id: item for item in RECEIVER.jobs.items(job_id, None, 1000)[0]}
    assert {item.id for item in items.values() if item.state != "failed"} == set(pictures)
    for item in items.values():
        _check_name(item.filename)
    assert archives == ({job_id: case.body} if RECEIVER.unpacking else {})
    assert bool(archives) != bool(items), "a job is of pictures or of an archive"
    for archive in RECEIVER.unpacking:
        assert (archive.job_id, archive.id) == (job_id, hashlib.sha256(case.body).hexdigest())
        _check_name(archive.filename)


def _check_name(name: str) -> None:
    assert 0 < len(name) <= 1024
    assert not any(ord(character) < 0x20 or character == "\x7f" for character in name), name
    assert name.encode(), name


def read(data: bytes) -> Case:
    """Make a case from arbitrary bytes: lines with content type and query, then the body."""
    content_type, _, rest = data.partition(b"\n")
    query, _, body = rest.partition(b"\n")
    return Case(_header(content_type.decode("latin-1")), body, quote(query, safe="=&%+"))


def _header(text: str) -> str:
    """Return the text as a header value that gunicorn accepts."""
    return "".join(character for character in text if character not in "\r\n\x00").strip()


_HEADERS = st.text(st.characters(max_codepoint=0xFF), max_size=60).map(_header)
_QUERIES = mostly(
    st.sampled_from(["", "filename=a.png", "filename=%00..%2fa%0d%0a", "filename="]),
    st.sampled_from(["filename=a&filename=b", "x=1"])
    | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30),
)
_OFFSETS = mostly(st.just(0), st.sampled_from([None, 1, -1, 100, -20, 20_000, 10**12]))
_KEYS = mostly(st.none(), st.sampled_from(["k", '"k"', '"', "a" * 256, "\xff"]) | _HEADERS)

_PLAIN_BODIES = (
    st.sampled_from(["png", "zip", "tar", "long"]).map(
        {
            "png": one_pixel_png(),
            "zip": zip_of([("a.png", b"1")]),
            "tar": tar_of([("a.png", b"1")]),
            "long": one_pixel_png() + bytes(3000),
        }.__getitem__
    )
    | st.binary(max_size=200)
    | st.sampled_from([0, 1999, 2000, 2001, 11_999, 12_001]).map(b"\xff".__mul__)
)


def _request(
    typed: tuple[str, bytes], query: str, off: int | None, terminated: bool | None, key: str | None
) -> Case:
    return Case(typed[0], typed[1], query, off, terminated, key)


_TYPED = mostly(forms(), st.tuples(st.sampled_from(TYPES) | _HEADERS, _PLAIN_BODIES))
_HURT = st.builds(
    lambda typed, damage: (typed[0], damaged(typed[1], damage)),
    _TYPED,
    st.lists(DAMAGE, max_size=3),
)


def _seeds() -> tuple[bytes, ...]:
    png = one_pixel_png()
    file = (b'form-data; name="file"; filename="a.png"', b"image/png", png)
    field = (b'form-data; name="metadata"', None, b'{"tags": ["dog"], "album": "x"}')
    json_field = (b'form-data; name="metadata"; filename="blob"', b"application/json", b"{}")
    form = b"multipart/form-data; boundary=b\n\n"
    return (
        form + multipart(b"b", [file, field]),
        form + multipart(b"b", [json_field, file, file]),
        form + multipart(b"b", [(b"form-data; name=file; filename*=UTF-8''%e2%82%ac", None, png)]),
        b"image/png\nfilename=a.png\n" + png,
        b"application/zip\nfilename=a.zip\n" + zip_of([("a.png", png)]),
    )


TARGET = Target(
    check=check,
    cases=st.builds(
        _request,
        mostly(_TYPED, _HURT),
        _QUERIES,
        _OFFSETS,
        st.sampled_from([True, False, None]),
        _KEYS,
    ),
    read=read,
    seeds=_seeds(),
)
