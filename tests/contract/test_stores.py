"""Contract tests for vector stores: in memory, Milvus Lite, the Milvus server."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from common import schema
from common.contract import Hit
from common.errors import ModelMismatch, SchemaNewer, StoreError, Unprocessable
from common.filters.model import Filter
from common.images.photo_info import Location, PhotoInfo
from tests.support.store_clients import (
    DIM,
    IDENTITY,
    Clients,
    found,
    image_id,
    many,
    row,
    unit,
)
from worker.stores.as_of import reading_as_of
from worker.stores.base import Named, Row, VectorStore
from worker.stores.identity import Identity

# Makes another client of the same collection, for a given encoder.
Connect = Callable[..., VectorStore]

_numbers = itertools.count()


@pytest.fixture
def connect(clients: Clients) -> Iterator[Connect]:
    """Make clients of one collection, which starts empty."""
    clients.empty()
    yield clients.connect
    clients.close()


@pytest.fixture
def connect_new(clients: Clients) -> Iterator[Connect]:
    """Make clients of a collection that does not exist yet."""
    collection = f"images__new_{next(_numbers)}"
    yield lambda identity=IDENTITY: clients.connect(identity, collection)
    clients.close()


@pytest.fixture
def store(connect: Connect) -> VectorStore:
    store = connect()
    store.open()
    return store


def ids_of(rows: Sequence[Row]) -> list[str]:
    return [row.record.id for row in rows]


def test_opening_twice_keeps_the_rows(store: VectorStore, connect: Connect) -> None:
    store.upsert([row("a")])
    store.open()
    connect().open()
    assert store.count() == 1


def test_a_store_is_used_without_being_opened(connect_new: Connect) -> None:
    store = connect_new()
    store.upsert([row("a")])
    assert store.count() == 1


def test_a_closed_store_can_be_opened_again(store: VectorStore) -> None:
    store.upsert([row("a")])
    store.close()
    store.close()
    store.open()
    store.ping()
    assert store.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(IDENTITY, encoder="ViT-B/32"),
        replace(IDENTITY, revision="2"),
        replace(IDENTITY, dim=384),
    ],
    ids=["encoder", "revision", "dimension"],
)
def test_another_encoder_is_refused(store: VectorStore, connect: Connect, other: Identity) -> None:
    with pytest.raises(ModelMismatch, match="hashing"):
        connect(other).open()
    store.ping()


def test_a_collection_of_a_newer_version_is_refused(connect_new: Connect) -> None:
    newer = replace(IDENTITY, schema=schema.READS + 1)
    for identity in (newer, IDENTITY):
        with pytest.raises(SchemaNewer, match=f"schema {newer.schema}.*or a newer one"):
            connect_new(identity).open()


def test_a_record_comes_back_as_it_was_written(store: VectorStore) -> None:
    written = row(
        "a",
        filename='Zürich "o\'clock" \\ %s 😀/пёс.jpeg',
        bytes=2**40,
        tags=["", "dog", 'é "quoted" \\ \'', "日本"],
        metadata={"album": "x'\"\\", "": 1, "n": 2**62, "share": 1.0, "yes": True, "größe": -0.5},
        photo=PhotoInfo(
            taken_at="2024-05-01T12:00:00.25+02:00",
            camera='Câmera "\\" 5D',
            lens="50 mm",
            orientation=6,
            location=Location(
                latitude=-0.1, longitude=1e-7, altitude=519.0, country="DE", town="München"
            ),
            description='two\nlines, "quoted" \\ 😀',
            keywords=["", "dog", "日本"],
        ),
        earlier_filenames=['a "b" \\ 犬.jpg', "c.jpg"],
        perceptual_hash="ff00" * 4,
    )
    store.upsert([written])
    assert store.get("default", [written.record.id]) == [written.record]
    assert store.rows("default", [written.record.id])[written.record.id].record == written.record
    hit = store.search("default", written.vector, limit=1)[0]
    assert (hit.filename, hit.tags) == (written.record.filename, written.record.tags)


def test_an_upsert_replaces_the_whole_row(store: VectorStore) -> None:
    store.upsert([row("a", 1, tags=["old"], metadata={"old": True})])
    new = replace(row("a", 2, filename="new.jpg", tags=["new"]), job_id="job-2")
    store.upsert([new])
    assert store.count() == 1
    assert store.get("default", [new.record.id]) == [new.record]
    assert store.known("default", [new.record.id]) == {new.record.id: "job-2"}
    assert found(store, new)


def test_fingerprints_are_vectors_and_hashes(store: VectorStore) -> None:
    hashes = {"a": "00ff" * 4, "flat": "", "old": None}
    rows = {name: row(name, at) for at, name in enumerate(hashes)}
    store.upsert(
        [
            replace(each, record=each.record.model_copy(update={"perceptual_hash": hashes[name]}))
            for name, each in rows.items()
        ]
    )
    ids = [each.record.id for each in rows.values()]
    found = store.fingerprints("default", [*ids, "0" * 64])
    assert {image: each.perceptual_hash for image, each in found.items()} == dict(
        zip(ids, hashes.values(), strict=True)
    )
    for each in rows.values():
        np.testing.assert_allclose(found[each.record.id].vector, each.vector, atol=1e-6)
    assert store.fingerprints("other", ids) == {}


def test_rows_are_told_with_all_names_of_their_images(store: VectorStore) -> None:
    plain, renamed = row("a", 1, filename="a.jpg"), row("b", 2, filename="new.jpg")
    record = renamed.record.model_copy(update={"earlier_filenames": ["b.jpg", "c.jpg"]})
    store.upsert([plain, replace(renamed, record=record)])
    ids = [plain.record.id, record.id, "0" * 64]
    assert store.named("default", ids) == {
        plain.record.id: Named("job-1", ("a.jpg",)),
        record.id: Named("job-1", ("new.jpg", "b.jpg", "c.jpg")),
    }
    assert store.named("other", ids) == store.named("default", []) == {}


def test_the_same_bytes_of_two_tenants_are_two_rows(store: VectorStore) -> None:
    mine, yours = row("a", 1), replace(row("a", 2), tenant="other_tenant-2", job_id="job-9")
    store.upsert([mine, yours])
    assert store.count() == 2
    assert [store.count(name) for name in ("default", "other_tenant-2", "absent")] == [1, 1, 0]
    assert found(store, mine)
    assert found(store, yours)
    assert len(store.search("default", mine.vector, limit=10)) == 1
    assert store.known("default", [mine.record.id]) == {mine.record.id: "job-1"}
    assert store.delete("default", [mine.record.id]) == 1
    assert store.get("default", [mine.record.id]) == []
    assert store.get("other_tenant-2", [mine.record.id]) == [yours.record]


def test_search_ranks_by_cosine_similarity(store: VectorStore) -> None:
    rows = many(300)
    store.upsert(rows)
    query = unit(10_000)
    scores = np.stack([row.vector for row in rows]) @ query
    best = np.argsort(-scores)[:25]
    hits = store.search("default", query, limit=25)
    assert [hit.id for hit in hits] == [rows[at].record.id for at in best]
    assert [hit.score for hit in hits] == pytest.approx(scores[best].tolist(), abs=1e-5)


def test_scores_reach_from_one_to_minus_one(store: VectorStore) -> None:
    here = row("here", 1)
    there = replace(row("there", 1), vector=-here.vector)
    store.upsert([there, here])
    hits = store.search("default", here.vector, limit=10)
    assert [hit.id for hit in hits] == ids_of([here, there])
    assert [hit.score for hit in hits] == pytest.approx([1.0, -1.0], abs=1e-5)
    assert all(-1 <= hit.score <= 1 for hit in hits)


def test_pages_follow_one_another(store: VectorStore) -> None:
    store.upsert(many(50))
    query = unit(10_000)
    whole = store.search("default", query, limit=50)
    pages = [store.search("default", query, limit=20, offset=offset) for offset in (0, 20, 40)]
    assert [hit.id for page in pages for hit in page] == [hit.id for hit in whole]
    assert store.search("default", query, limit=10, offset=50) == []


def test_a_thousand_hits_are_given_however_deep(store: VectorStore) -> None:
    rows = many(2300)
    store.upsert(rows)
    query = unit(10_000)
    scores = np.stack([row.vector for row in rows]) @ query
    best = [rows[at].record for at in np.argsort(-scores)]
    for offset in (0, 150, 1300, 2200):
        hits = store.search("default", query, limit=1000, offset=offset)
        expected = best[offset : offset + 1000]
        assert [hit.id for hit in hits] == [record.id for record in expected]
        assert [hit.filename for hit in hits] == [record.filename for record in expected]


def test_the_nearest_are_the_hits_of_a_search(store: VectorStore) -> None:
    store.upsert([*many(60), replace(row("other", 1), tenant="other")])
    query = unit(10_000)
    wanted = Filter.model_validate({"filename": {"in": [f"image {n}.jpg" for n in range(40)]}})
    for limit, offset in ((10, 0), (20, 15), (50, 0)):
        hits = store.search("default", query, limit, offset, wanted)
        near = store.nearest("default", query, limit, offset, wanted)
        assert [(each.image_id, each.score) for each in near] == [
            (hit.id, pytest.approx(hit.score, abs=1e-6)) for hit in hits
        ]
    assert store.nearest("nobody", query, limit=10) == []


def test_a_page_that_lies_too_deep_is_refused(store: VectorStore) -> None:
    assert store.search("default", unit(0), limit=384, offset=16_000) == []
    with pytest.raises(Unprocessable, match="16384"):
        store.search("default", unit(0), limit=385, offset=16_000)


def test_what_was_just_written_is_found_at_once(store: VectorStore, connect: Connect) -> None:
    reader = connect()
    reader.open()
    for number in range(10):
        written = row(f"image {number}", number)
        store.upsert([written])
        assert found(reader, written)
        assert reader.known("default", [written.record.id])
        assert reader.count() == number + 1


def test_what_was_deleted_is_in_no_search_that_starts_afterwards(
    store: VectorStore, connect: Connect
) -> None:
    reader = connect()
    rows = many(5)
    store.upsert(rows)
    assert found(reader, rows[2])
    assert store.delete("default", [rows[2].record.id, image_id("never there")]) == 1
    assert rows[2].record.id not in {
        hit.id for hit in reader.search("default", rows[2].vector, limit=10)
    }
    assert reader.count() == 4
    assert store.delete("default", [rows[2].record.id]) == 0
    store.upsert([rows[2]])
    assert found(reader, rows[2])


def test_a_read_mark_is_a_time_after_the_writes(store: VectorStore) -> None:
    before = store.read_mark(fresh=True)
    store.upsert([row("a")])
    written, after = store.read_mark(), store.read_mark(fresh=True)
    if before is None:
        # A store that needs no marks.
        assert (written, after) == (None, None)
        return
    assert written is not None
    assert after is not None
    assert before.time < written.time < after.time
    assert {len(mark.time) for mark in (before, written, after)} == {20}
    assert len({mark.collection for mark in (before, written, after)}) == 1


def test_a_read_as_of_a_mark_sees_the_writes_before_it(
    store: VectorStore, connect: Connect
) -> None:
    reader = connect()
    rows = many(10)
    for number, written in enumerate(rows, 1):
        store.upsert([written])
        mark = store.read_mark()
        with reading_as_of(dict([mark] if mark else [])):
            assert found(reader, written)
            assert reader.known("default", [written.record.id])
            assert reader.count() == number
    for number, deleted in enumerate(rows, 1):
        store.delete("default", [deleted.record.id])
        mark = store.read_mark(fresh=True)
        with reading_as_of(dict([mark] if mark else [])):
            assert not found(reader, deleted)
            assert reader.get("default", [deleted.record.id]) == []
            assert reader.count() == len(rows) - number


def test_another_collections_mark_changes_no_read(store: VectorStore, connect: Connect) -> None:
    reader = connect()
    with reading_as_of({"another": "0" * 20}):
        store.upsert([row("a")])
        assert found(reader, row("a"))


def test_records_come_in_the_order_asked(store: VectorStore) -> None:
    rows = many(5)
    store.upsert(rows)
    asked = [rows[3], rows[0], rows[4]]
    ids = [rows[3].record.id, image_id("never there"), rows[0].record.id, rows[4].record.id]
    assert store.get("default", ids) == [row.record for row in asked]


def test_vectors_come_back_as_they_were_written(store: VectorStore) -> None:
    rows = many(450)
    store.upsert(rows)
    vectors = store.vectors("default", [*ids_of(rows), image_id("never there")])
    assert sorted(vectors) == sorted(ids_of(rows))
    for written in rows:
        vector = vectors[written.record.id]
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, written.vector, atol=1e-6)


def test_whole_rows_come_back_as_they_were_written(store: VectorStore) -> None:
    rows = many(250)
    store.upsert(rows)
    found = store.rows("default", [*ids_of(rows), image_id("never there")])
    assert sorted(found) == sorted(ids_of(rows))
    for written in rows:
        read = found[written.record.id]
        assert (read.tenant, read.record, read.job_id) == (
            written.tenant,
            written.record,
            written.job_id,
        )
        np.testing.assert_allclose(read.vector, written.vector, atol=1e-6)


def test_nothing_asked_is_nothing_answered(store: VectorStore) -> None:
    store.upsert([])
    assert store.count() == 0
    assert store.search("default", unit(0), limit=10) == []
    assert store.get("default", []) == []
    assert store.vectors("default", []) == {}
    assert store.rows("default", []) == {}
    assert store.known("default", []) == {}
    assert store.delete("default", []) == 0


def test_ten_thousand_ids_are_looked_up(store: VectorStore) -> None:
    rows = many(2100)
    store.upsert(rows)
    asked = ids_of(rows) + [image_id(f"missing {number}") for number in range(7900)]
    assert store.known("default", asked) == dict.fromkeys(ids_of(rows), "job-1")
    assert store.get("default", asked) == [row.record for row in rows]
    assert store.delete("default", asked) == 2100
    assert store.count() == 0


@pytest.mark.parametrize(
    "bad",
    [
        replace(row("bad"), vector=np.zeros(DIM + 1, dtype=np.float32)),
        replace(row("bad"), vector=np.full(DIM, np.nan, dtype=np.float32)),
        row("bad", tags=["x"] * 1025),
        row("bad", tags=["ü" * 257]),
        row("bad", tags=["\ud800"]),
        row("bad", metadata={"text": "x" * 65_536}),
        row("bad", metadata={"number": float("nan")}),
        row("bad", metadata={"number": 2**63}),
    ],
    ids=["dim", "nan", "tags", "tag", "surrogate", "metadata", "metadata nan", "metadata int"],
)
def test_a_row_that_cannot_be_stored_is_refused_with_its_batch(
    store: VectorStore, bad: Row
) -> None:
    with pytest.raises(StoreError):
        store.upsert([row("good"), bad])
    assert store.count() == 0


def test_a_row_as_large_as_may_be_is_stored(store: VectorStore) -> None:
    large = row(
        "large",
        filename="é" * 2048,
        tags=[f"{number:0512}" for number in range(1024)],
        metadata={"text": "x" * (65_536 - len('{"text": ""}'))},
    )
    store.upsert([large])
    assert store.get("default", [large.record.id]) == [large.record]


def test_a_key_twice_in_one_batch_is_refused(store: VectorStore) -> None:
    with pytest.raises(StoreError, match="twice"):
        store.upsert([row("a", 1), row("b", 2), row("a", 3)])
    assert store.count() == 0


def test_of_a_filename_too_long_the_end_is_kept(store: VectorStore) -> None:
    long = row("long", filename="ü" * 3000 + "/dog.jpg")
    odd = row("odd", filename="half a \ud83d.jpg")
    store.upsert([long, odd])
    records = store.get("default", ids_of([long, odd]))
    assert records[0].filename == "ü" * 2044 + "/dog.jpg"
    assert records[1].filename == "half a ?.jpg"


def test_workers_make_a_new_collection_at_once(connect_new: Connect) -> None:
    stores = [connect_new() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda store: store.open(), stores))
    stores[0].upsert([row("a")])
    assert [store.count() for store in stores] == [1, 1, 1, 1]


def test_of_two_encoders_one_makes_the_collection(connect_new: Connect) -> None:
    def opens(encoder: str) -> bool:
        try:
            connect_new(replace(IDENTITY, encoder=encoder)).open()
        except ModelMismatch:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(opens, ["one", "two"])) == [False, True]


def test_many_threads_share_a_store(store: VectorStore) -> None:
    def write_and_find(number: int) -> bool:
        written = row(f"image {number}", number)
        store.upsert([written])
        return found(store, written)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_find, range(40)))
    assert store.count() == 40


def test_searches_of_many_threads_have_each_its_own_hits(store: VectorStore) -> None:
    store.upsert([*many(100), *(replace(row, tenant="other") for row in many(20))])
    mark = store.read_mark()
    times = dict([mark] if mark else [])

    def search(number: int) -> list[Hit]:
        tenant = "other" if number % 5 == 0 else "default"
        wanted = Filter.model_validate({"width": {"gte": 0}}) if number % 3 == 0 else None
        # Pages of two sizes, some of them deep, and some with more rows than searches share.
        limit, offset = (300 if number % 7 == 0 else 10), number % 2
        with reading_as_of({} if number % 4 == 0 else times):
            return store.search(tenant, unit(10_000 + number), limit, offset, wanted)

    alone = [search(number) for number in range(60)]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(search, range(60)))
    for ours, expected in zip(together, alone, strict=True):
        assert [hit.id for hit in ours] == [hit.id for hit in expected]
        assert [hit.score for hit in ours] == pytest.approx(
            [hit.score for hit in expected], abs=1e-5
        )


def test_a_collection_is_told_from_others_and_from_one_of_its_name_before(
    clients: Clients,
) -> None:
    name = f"images__new_{next(_numbers)}"
    store, same = clients.connect(collection=name), clients.connect(collection=name)
    before = store.collection()
    assert same.collection() == before
    assert clients.connect().collection() != before
    clients.drop(name)
    # Another worker creates the collection again, with a new id.
    after = clients.connect(collection=name).collection()
    assert after != before
    assert store.collection() == after
    clients.close()
