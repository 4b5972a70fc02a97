"""The vector store in Milvus: a Milvus Lite server, a Milvus server or Zilliz Cloud."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient, MilvusException

from common.contract import NEWEST_FIRST, Hit, ImageRecord, Place, Sort
from common.errors import StoreError
from common.filters.model import Filter
from common.pages import pages
from common.read_marks.base import ReadMark
from common.vector_index import VectorIndex
from worker.stores.as_of import time_of
from worker.stores.base import Fingerprint, Named, Near, Row, Version, Writes
from worker.stores.identity import Identity
from worker.stores.matching import matches
from worker.stores.milvus.client import address_of, connect, is_lite, present, written_at
from worker.stores.milvus.collection import ensure_collection
from worker.stores.milvus.definition import Definition, Server
from worker.stores.milvus.entities import (
    to_entity,
    to_fingerprint,
    to_hit,
    to_named,
    to_near,
    to_record,
    to_row,
    to_vector,
    to_version,
)
from worker.stores.milvus.errors import COLLECTION_LOST, translated
from worker.stores.milvus.filter import expression, ids_with, other_than, scope_of
from worker.stores.milvus.index import search_params
from worker.stores.milvus.inexact import best_matching, fields_of
from worker.stores.milvus.lite_clock import wait_until_past
from worker.stores.milvus.ordered import in_order
from worker.stores.milvus.pages import newest
from worker.stores.milvus.schema import (
    FINGERPRINT_FIELDS,
    HIT_FIELDS,
    KEY,
    NAMED_FIELDS,
    RECORD_FIELDS,
    VECTOR,
    VERSION_FIELDS,
    stored_name,
)
from worker.stores.milvus.shared_calls import SharedCalls
from worker.stores.milvus.syntax import Scope, literal
from worker.stores.order import Key, Order, ordering
from worker.stores.rows import check_rows, row_key
from worker.stores.window import check_window

# Timeout of a call, in seconds.
_CALL_TIMEOUT_S = 10.0
# Timeout of a health check, in seconds.
_PING_TIMEOUT_S = 2.0
# Milvus Lite 2.5.1 runs one call at a time, and reads its whole file in each: 30 ms at 13,000 rows.
# It also copies the call for each of its rows, so that 4,000 of 512 dimensions take a minute.
_LITE_WRITES = Writes(calls=1, rows=256, rest=3.0)
# A server's call may wait for its log, which is 200 ms on object storage, and others run meanwhile.
SERVER_WRITES = Writes(calls=8, rows=256)
# Maximum rows read per call with most of their fields. Lite also copies the whole
# response for each row; on a server, each call waits for its clock.
_ROWS_PER_READ_LITE, _ROWS_PER_READ = 200, 1000
# Images whose tags are counted. Lite copies the tags of a call for each of its rows.
_TAGS, _LITE_TAGS, _LITE_TAGS_PER_CALL = 10_000, 2000, 100
# Maximum ids per call that reads few of their fields.
_IDS_PER_CALL = 10_000
# A call sees all writes by any client that returned before it. Milvus Lite always
# does this; a server waits until its clock has passed the time of the call.
_STRONG = {"consistency_level": "Strong"}
_DEFAULT = Definition()
# Digits of a time in a read mark: enough for 64 bits.
_TIME_DIGITS = 20
# Characters of a collection's key in read marks.
_KEY_CHARACTERS = 16


class _Kind(NamedTuple):
    """What searches have in common that can be one call."""

    limit: int
    offset: int
    scope: str
    fields: tuple[str, ...]
    # The options of ``_consistency``.
    consistency: tuple[tuple[str, Any], ...]


class MilvusStore:
    """Stores images' vectors in one collection of Milvus.

    It connects when opened or first used, and reconnects automatically: calls fail
    during an outage of Milvus, and succeed after it.

    Args:
        uri: Address of Milvus: ``http://HOST:PORT`` or ``https://...``.
        token: A Zilliz Cloud key, or ``user:password``; empty if none is required.
        collection: Name of the collection.
        identity: The encoder whose vectors it holds.
        definition: How to lay out a new collection.
        creates: Whether to create the collection if it does not exist.
    """

    def __init__(
        self,
        uri: str,
        token: str,
        collection: str,
        identity: Identity,
        definition: Definition = _DEFAULT,
        *,
        creates: bool = True,
    ) -> None:
        self._uri = uri
        self._token = token
        self._address = address_of(uri)
        self._collection = collection
        self._identity = identity
        self._definition = definition
        self._creates = creates
        self._lock = threading.Lock()
        self._client: MilvusClient | None = None
        # Set on connecting: whether the server is Milvus Lite, what it can express, the
        # collection's key in read marks, and the index to search with.
        self._lite = False
        self._dialect = Server("").dialect
        self._key = ""
        self._index: VectorIndex | None = None
        self._searches = SharedCalls(self._call)

    def open(self) -> None:
        """Connect, and create the collection if needed; see ``VectorStore.open``."""
        with self._connected():
            pass

    def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def writes(self) -> Writes:
        """One small call at a time for Milvus Lite, several large ones for a server."""
        return _LITE_WRITES if self._lite else SERVER_WRITES

    def ping(self) -> None:
        """Return if the collection can be read, which a server still loading it cannot do."""
        with self._connected() as client:
            client.query(
                self._collection,
                ids=["ping"],
                output_fields=[KEY],
                consistency_level="Eventually",
                timeout=_PING_TIMEOUT_S,
            )

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write full rows, replacing those with the same keys."""
        check_rows(rows, self._identity.dim)
        entities = [to_entity(row) for row in rows]
        for chunk in pages(entities, self.writes.rows):
            with self._connected() as client:
                client.upsert(self._collection, chunk, timeout=_CALL_TIMEOUT_S)
            self._order_calls()

    def search(
        self,
        tenant: str,
        vector: NDArray[np.float32],
        limit: int,
        offset: int = 0,
        wanted: Filter | None = None,
    ) -> list[Hit]:
        """Return a tenant's rows nearest to a unit vector [dim], best first."""
        # For a deeper page, Milvus would read all rows before it as well, which takes
        # seconds; reading only ids takes milliseconds.
        if offset + limit <= self._rows_per_read():
            found = self._search(tenant, vector, limit, offset, wanted, HIT_FIELDS)
            return [to_hit(hit) for hit in found]
        near = self.nearest(tenant, vector, limit, offset, wanted)
        ids = [each.image_id for each in near]
        rows = self._read(tenant, ids, HIT_FIELDS, self._rows_per_read())
        # Images deleted meanwhile are not hits.
        return [
            to_hit({"entity": rows[each.image_id], "distance": each.score})
            for each in near
            if each.image_id in rows
        ]

    def nearest(
        self,
        tenant: str,
        vector: NDArray[np.float32],
        limit: int,
        offset: int = 0,
        wanted: Filter | None = None,
    ) -> list[Near]:
        """Return the ids and scores of the nearest rows, best first."""
        found = self._search(tenant, vector, limit, offset, wanted, ("image_id",))
        return [to_near(hit) for hit in found]

    def get(self, tenant: str, ids: Sequence[str]) -> list[ImageRecord]:
        """Return the stored images' records, in the order of ``ids``."""
        found = self._read(tenant, ids, RECORD_FIELDS, self._rows_per_read())
        return [to_record(found[image_id]) for image_id in ids if image_id in found]

    def page(
        self,
        tenant: str,
        limit: int,
        tag: str | None = None,
        after: Place | None = None,
        wanted: Filter | None = None,
        sort: Sort = NEWEST_FIRST,
    ) -> tuple[list[ImageRecord], Place | None]:
        """Return records in order, and the place to continue after."""
        scope, order = self._scope(tenant, tag, wanted), Order.of(sort)
        find = partial(self._keys, scope.text, order.field)
        if order.is_newest_first:
            shown, end = _newest(find, limit, after)
        else:
            last = None if after is None else order.key_at(after)
            shown, end = in_order(find, order, self._dialect, limit, last)
        records = self.get(tenant, [image_id for _, image_id in shown])
        if wanted is not None and not scope.exact:
            records = [record for record in records if matches(wanted, record)]
        return records, None if end is None else order.place(end)

    def vectors(self, tenant: str, ids: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        """Return the stored images' vectors, float32 [dim], by id."""
        found = self._read(tenant, ids, ("image_id", VECTOR), self._rows_per_read())
        return {image_id: to_vector(entity) for image_id, entity in found.items()}

    def fingerprints(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Fingerprint]:
        """Return the stored images' vectors and perceptual hashes by id."""
        found = self._read(tenant, ids, FINGERPRINT_FIELDS, self._rows_per_read())
        return {image_id: to_fingerprint(entity) for image_id, entity in found.items()}

    def rows(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Row]:
        """Return the stored images' full rows by id."""
        found = self._read(tenant, ids, (*RECORD_FIELDS, VECTOR, "job_id"), self._rows_per_read())
        return {image_id: to_row(tenant, entity) for image_id, entity in found.items()}

    def known(self, tenant: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the jobs that wrote the stored images' rows, by image id."""
        found = self._read(tenant, ids, ("image_id", "job_id"), _IDS_PER_CALL)
        return {image_id: entity["job_id"] for image_id, entity in found.items()}

    def named(self, tenant: str, ids: Sequence[str]) -> Mapping[str, Named]:
        """Return the jobs and file names of the stored images, by image id."""
        found = self._read(tenant, ids, NAMED_FIELDS, self._rows_per_read())
        return {image_id: to_named(entity) for image_id, entity in found.items()}

    def versions(self, prefix: str, limit: int) -> Mapping[tuple[str, str], Version] | None:
        """Return the versions of rows by tenant and image id; None if there are too many."""
        with self._connected() as client:
            found = client.query(
                self._collection,
                filter=ids_with(prefix),
                output_fields=["tenant", "image_id", *VERSION_FIELDS],
                limit=limit + 1,
                **_STRONG,
                timeout=_CALL_TIMEOUT_S,
            )
        if len(found) > limit:
            return None
        return {(entity["tenant"], entity["image_id"]): to_version(entity) for entity in found}

    def delete(self, tenant: str, ids: Sequence[str]) -> int:
        """Delete rows and return the number of rows that existed."""
        # A server's count includes keys without rows.
        stored = [row_key(tenant, image_id) for image_id in self.known(tenant, ids)]
        for keys in pages(stored, _ROWS_PER_READ):
            with self._connected() as client:
                client.delete(self._collection, ids=keys, timeout=_CALL_TIMEOUT_S)
            self._order_calls()
        return len(stored)

    def count(self, tenant: str | None = None) -> int:
        """Return the number of rows of a tenant, or of all."""
        return self._count("" if tenant is None else expression(tenant))

    def count_matching(
        self, tenant: str, tag: str | None = None, wanted: Filter | None = None
    ) -> int | None:
        """Return the number of rows that ``page`` lists; None if only reading each would tell."""
        scope = self._scope(tenant, tag, wanted)
        return self._count(scope.text) if scope.exact else None

    def tags(self, tenant: str) -> tuple[Counter[str], bool]:
        """Return the number of images by tag, and whether these are all images."""
        maximum, per_call = (
            (_LITE_TAGS, _LITE_TAGS_PER_CALL) if self._is_lite() else (_TAGS, _ROWS_PER_READ)
        )
        find = partial(self._keys, self._scope(tenant, None, None).text, "indexed_at")
        keys, end = _newest(find, maximum, None)
        rows = self._read(tenant, [key[1] for key in keys], ("image_id", "tags"), per_call)
        return Counter(tag for row in rows.values() for tag in set(row["tags"])), end is None

    def read_mark(self, *, fresh: bool = False) -> ReadMark | None:
        """Return a time for reads; None on Milvus Lite, or if the server does not tell its time."""
        try:
            with self._connected() as client:
                if self._lite:
                    return None
                at = written_at(client, self._collection) if not fresh else present(client)
        except StoreError:
            return None
        return None if fresh and not at else ReadMark(self._key, f"{at:0{_TIME_DIGITS}}")

    def collection(self) -> str:
        """Return a unique identifier, with Milvus's collection id and the description's mark."""
        with self._connected() as client:
            return self._identifier(client)

    def _identifier(self, client: MilvusClient) -> str:
        about = client.describe_collection(self._collection, timeout=_CALL_TIMEOUT_S)
        return f"{self._collection} {about['collection_id']} {about['description']}"

    def _scope(self, tenant: str, tag: str | None, wanted: Filter | None) -> Scope:
        with self._connected():
            scope = scope_of(tenant, wanted, self._dialect)
        if tag is None:
            return scope
        return replace(scope, text=f"{scope.text} and array_contains(tags, {literal(tag)})")

    def _count(self, within: str) -> int:
        with self._connected() as client:
            counted = client.query(
                self._collection,
                filter=within,
                output_fields=["count(*)"],
                **self._consistency(),
                timeout=_CALL_TIMEOUT_S,
            )
        return int(counted[0]["count(*)"])

    def _consistency(self) -> dict[str, Any]:
        """Return the options of a read: as of the read mark of its task, or strong."""
        at = None if self._lite else time_of(self._key)
        if at is None:
            return _STRONG
        return {"consistency_level": "Customized", "guarantee_timestamp": int(at)}

    def _keys(self, scope: str, field: str, within: str, limit: int) -> list[Any]:
        stored = stored_name(field)
        with self._connected() as client:
            found = client.query(
                self._collection,
                filter=f"{scope} and {within}" if within else scope,
                output_fields=["image_id", stored],
                limit=limit,
                **self._consistency(),
                timeout=_CALL_TIMEOUT_S,
            )
        return [(ordering(entity.get(stored)), entity["image_id"]) for entity in found]

    def _search(
        self,
        tenant: str,
        vector: NDArray[np.float32],
        limit: int,
        offset: int,
        wanted: Filter | None,
        fields: Sequence[str],
    ) -> list[dict[str, Any]]:
        check_window(limit, offset)
        scope = self._scope(tenant, None, wanted)
        if wanted is None or scope.exact:
            return self._find(vector, limit, offset, scope.text, fields)
        needed = sorted({*fields, *fields_of(wanted)})

        def find(limit: int, without: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
            rest = f"{scope.text} and {other_than(without)}" if without else scope.text
            if limit <= self._rows_per_read():
                found = self._find(vector, limit, 0, rest, needed)
                return found, len(found) == limit
            # As in ``search``: ids, then rows.
            found = self._find(vector, limit, 0, rest, ("image_id",))
            ids = [each["entity"]["image_id"] for each in found]
            rows = self._read(tenant, ids, needed, self._rows_per_read())
            whole = [
                {"entity": rows[image_id], "distance": each["distance"]}
                for image_id, each in zip(ids, found, strict=True)
                if image_id in rows
            ]
            return whole, len(found) == limit

        return best_matching(wanted, offset + limit, find)[offset:]

    def _find(
        self,
        vector: NDArray[np.float32],
        limit: int,
        offset: int,
        scope: str,
        fields: Sequence[str],
    ) -> list[dict[str, Any]]:
        consistency = self._consistency()
        kind = _Kind(limit, offset, scope, (*fields,), (*consistency.items(),))
        # The rows of all searches of a call are bounded like those of one.
        most = self._rows_per_read() // (limit + offset)
        if most > 1 and (self._lite or consistency is not _STRONG):
            return self._searches.run(kind, vector, most)
        # A server answers a strong search once its clock has passed, however many others wait.
        return self._call(kind, [vector])[0]

    def _call(
        self, kind: _Kind, vectors: Sequence[NDArray[np.float32]]
    ) -> list[list[dict[str, Any]]]:
        """Search for several vectors at once."""
        with self._connected() as client:
            found = client.search(
                self._collection,
                list(vectors),
                anns_field=VECTOR,
                filter=kind.scope,
                limit=kind.limit,
                offset=kind.offset,
                output_fields=list(kind.fields),
                search_params=search_params(self._index, kind.limit + kind.offset),
                **dict(kind.consistency),
                timeout=_CALL_TIMEOUT_S,
            )
        return [list(hits) for hits in found]

    def _order_calls(self) -> None:
        """Let every later call come after a write."""
        if self._lite:
            wait_until_past()

    def _rows_per_read(self) -> int:
        return _ROWS_PER_READ_LITE if self._is_lite() else _ROWS_PER_READ

    def _is_lite(self) -> bool:
        with self._connected():
            return self._lite

    def _read(
        self, tenant: str, ids: Sequence[str], fields: Sequence[str], per_call: int
    ) -> dict[str, dict[str, Any]]:
        """Return the given fields of the stored rows, by image id."""
        found: dict[str, dict[str, Any]] = {}
        for chunk in pages(ids, per_call):
            with self._connected() as client:
                entities = client.query(
                    self._collection,
                    ids=[row_key(tenant, image_id) for image_id in chunk],
                    output_fields=list(fields),
                    **self._consistency(),
                    timeout=_CALL_TIMEOUT_S,
                )
            found.update((entity["image_id"], entity) for entity in entities)
        return found

    @contextmanager
    def _connected(self) -> Iterator[MilvusClient]:
        """Yield a client whose collection is open, and translate errors."""
        with translated(self._address):
            client = self._opened()
            try:
                yield client
            except MilvusException as error:
                if error.code in COLLECTION_LOST:
                    self._forget(client)
                raise

    def _opened(self) -> MilvusClient:
        with self._lock:
            if self._client is None:
                client = connect(self._uri, self._token)
                try:
                    self._lite = is_lite(client)
                    server = Server.of(client, lite=self._lite)
                    self._dialect = server.dialect
                    self._index = ensure_collection(
                        client,
                        self._collection,
                        self._identity,
                        self._definition,
                        server,
                        creates=self._creates,
                    )
                    identifier = self._identifier(client).encode()
                    self._key = hashlib.sha256(identifier).hexdigest()[:_KEY_CHARACTERS]
                except BaseException:
                    client.close()
                    raise
                self._client = client
            return self._client

    def _forget(self, client: MilvusClient) -> None:
        """Drop a client, so that the next call opens the collection again."""
        with self._lock:
            if self._client is client:
                self._client = None
        client.close()


def _newest(
    find: Callable[[str, int], list[Any]], count: int, after: Place | None
) -> tuple[list[Key], Key | None]:
    """Return keys, newest first, and the key to continue after."""
    last = None if after is None else (after.indexed_at_ms, after.id)
    # One key beyond the page shows whether another page follows.
    keys = newest(find, count + 1, time.time_ns() // 1_000_000, last)
    return [*keys[:count]], keys[count - 1] if len(keys) > count else None
