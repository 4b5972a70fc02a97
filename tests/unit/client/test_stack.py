"""The client library against the whole API: each of its methods once."""

from __future__ import annotations

import io
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image

from common.settings import load_settings
from glimpse_client import Glimpse, NotThere, RequestRefused, SearchFailed
from glimpse_client.begin import KEY_REUSED
from tests.support.archives import zip_of
from tests.support.inline import Inline, start_inline
from tests.support.letters import letter_about
from tests.support.pictures import image_id, picture

RED, BLUE = picture("red"), picture("blue")


@pytest.fixture
def glimpse(inline: Inline) -> Iterator[Glimpse]:
    with Glimpse("http://127.0.0.1", transport=httpx.WSGITransport(inline.app)) as glimpse:
        yield glimpse


def test_pictures_are_uploaded_described_and_deleted(glimpse: Glimpse) -> None:
    job = glimpse.upload(("a/red.png", RED), ("bad.png", b"x"), tags=["warm"], metadata={"n": 1})
    ended = glimpse.wait(job)
    assert (ended.state, ended.indexed, ended.failed) == ("partial", 1, 1)
    assert [item.code for item in glimpse.items(ended, state="failed")] == ["not_an_image"]
    assert [found.id for found in glimpse.jobs(state="partial")] == [job.id]
    image = glimpse.image(image_id(RED))
    assert (image.filename, image.tags, image.metadata) == ("a/red.png", ("warm",), {"n": 1})
    assert [found.id for found in glimpse.images(tag="warm")] == [image.id]
    others = {"not": {"tags": {"any": ["warm"]}}}
    assert list(glimpse.images(filter=others)) == []
    assert [found.id for found in glimpse.images(filter={"or": [others, {"width": 40}]})] == [
        image.id
    ]
    assert (glimpse.count(), glimpse.count("warm"), glimpse.count(filter=others)) == (1, 1, 0)
    assert glimpse.content(image.id) == RED
    assert Image.open(io.BytesIO(glimpse.thumbnail(image.id, 16))).width == 16
    assert glimpse.check([image.id, image_id(BLUE)]).missing == (image_id(BLUE),)
    assert (glimpse.delete(image.id), glimpse.delete(image.id)) == (True, False)
    with pytest.raises(NotThere, match="no image"):
        glimpse.image(image.id)


def test_the_same_key_gives_the_same_job(glimpse: Glimpse) -> None:
    first, second = (glimpse.upload(("r.png", RED), idempotency_key="k") for _ in range(2))
    assert first.id == second.id
    with pytest.raises(RequestRefused) as refusal:
        glimpse.upload(("blue.png", BLUE), idempotency_key="k")
    assert refusal.value.code == KEY_REUSED


def test_an_archive_is_unpacked(glimpse: Glimpse) -> None:
    archive = ("all.zip", zip_of([("red.png", RED), ("blue.png", BLUE)]))
    assert glimpse.wait(glimpse.upload_archive(archive)).indexed == 2


def test_searches_of_every_kind(glimpse: Glimpse) -> None:
    glimpse.wait(glimpse.upload(("red.png", RED), ("blue.png", BLUE)))
    red = image_id(RED)
    assert glimpse.search(image_id=red, top_k=1).hits[0].id == red
    assert glimpse.search(picture=("q.png", RED), top_k=1).hits[0].id == red
    unlike = [{"image_id": red, "weight": -1.0}]
    assert glimpse.search("a sea", query=unlike, top_k=1).hits[0].filename == "blue.png"
    only = {"filename": {"prefix": "blue"}}
    found = glimpse.search("anything", filter=only, min_score=-1, group_duplicates=0.99)
    assert [hit.filename for hit in found.hits] == ["blue.png"]
    assert glimpse.search("anything", offset=2).hits == ()
    assert Image.open(io.BytesIO(glimpse.contact_sheet(found))).size == (750, 300)
    with pytest.raises(SearchFailed) as failure:
        glimpse.search(query=[{"image_id": red}, *unlike])
    assert failure.value.code == "unprocessable"


def test_embeddings_of_every_kind(glimpse: Glimpse) -> None:
    glimpse.wait(glimpse.upload(("red.png", RED)))
    red = image_id(RED)
    found = glimpse.embed("red", image_ids=[red], pictures=[("q.png", RED), ("b.png", BLUE)])
    assert (found.model, len(found.revision) > 0) == ("hashing", True)
    assert [len(each) for each in found.embeddings] == [found.dimension] * 4
    text, image, same, other = found.embeddings
    assert same == pytest.approx(image, abs=1e-6)
    assert dot(other, image) < dot(same, image) == pytest.approx(1, abs=1e-6)
    assert dot(text, image) == pytest.approx(glimpse.search("red").hits[0].score, abs=1e-6)
    assert glimpse.embed(["red", "red"]).embeddings == (text, text)
    with pytest.raises(RequestRefused, match=r"inputs\.1\.image_id") as refusal:
        glimpse.embed(image_ids=[red, image_id(BLUE)])
    assert (refusal.value.status, refusal.value.code) == (422, "not_found")


def dot(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return sum(x * y for x, y in zip(one, other, strict=True))


def test_a_job_is_cancelled() -> None:
    idle = start_inline(load_settings({}), workers=False)
    with Glimpse(transport=httpx.WSGITransport(idle.app)) as glimpse:
        job = glimpse.upload(("red.png", RED))
        assert glimpse.cancel(job.id).state == glimpse.wait(job).state == "cancelled"
    idle.close()


def test_dead_letters_are_replayed_and_forgotten(glimpse: Glimpse, inline: Inline) -> None:
    glimpse.wait(glimpse.upload(("red.png", RED)))
    letter = letter_about(image_id(RED), tags=["dog"])
    letters = inline.app.extensions["glimpse"].dead_letters
    letters.put([letter])
    (found,) = glimpse.dead_letters()
    assert (found.id, found.code, found.tags) == (letter.id, "encoder_error", ("dog",))
    assert glimpse.wait(glimpse.replay(found.id)).duplicates == 1
    assert list(glimpse.dead_letters()) == []
    letters.put([letter])
    assert (glimpse.forget(found.id), glimpse.forget(found.id)) == (True, False)
    with pytest.raises(NotThere, match="no dead letter"):
        glimpse.replay(found.id)
