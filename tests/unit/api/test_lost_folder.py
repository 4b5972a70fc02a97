"""A blob folder that disappears while the API uses it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.blobs.folder import FolderBlobs
from common.errors import BlobsUnavailable
from common.settings import load_settings
from tests.support.inline import Inline, start_inline
from tests.support.pictures import image_id, picture

DATA = picture("red")
ID = image_id(DATA)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def inline(root: Path) -> Iterator[Inline]:
    """An app with a real blob folder, which already holds one picture."""
    inline = start_inline(load_settings({}), blobs=FolderBlobs(root))
    assert upload(inline) == (202, None)
    yield inline
    inline.close()


def upload(inline: Inline) -> tuple[int, str | None]:
    response = inline.app.test_client().post("/v1/images", data=DATA, content_type="image/png")
    # Callers must not learn the folder's path.
    assert "/blobs" not in response.text
    return response.status_code, response.get_json().get("code")


def get(inline: Inline, route: str) -> tuple[int, str]:
    response = inline.app.test_client().get(f"/v1/images/{ID}/{route}")
    return response.status_code, response.mimetype


def test_a_folder_that_is_gone_is_told(inline: Inline, root: Path) -> None:
    shutil.rmtree(root)
    assert upload(inline) == (503, "blobs_unavailable")
    assert not root.exists()


def test_a_file_in_its_place_is_told(inline: Inline, root: Path) -> None:
    shutil.rmtree(root)
    root.touch()
    assert upload(inline) == (503, "blobs_unavailable")
    assert get(inline, "content") == (503, "application/problem+json")
    assert get(inline, "thumbnail") == (503, "application/problem+json")


def test_a_thumbnail_is_seen_where_it_cannot_be_kept(inline: Inline, root: Path) -> None:
    shutil.rmtree(root / "default" / "renditions")
    shutil.rmtree(root / "incoming")
    (root / "incoming").touch()
    assert upload(inline) == (503, "blobs_unavailable")
    assert get(inline, "thumbnail") == (200, "image/jpeg")


def test_a_folder_that_goes_in_the_middle_is_told(root: Path) -> None:
    writer = FolderBlobs(root).writer("default")
    writer.write(DATA)
    shutil.rmtree(root)
    with pytest.raises(BlobsUnavailable, match="has disappeared"):
        writer.commit(ID)
    root.touch()
    writer.discard()
