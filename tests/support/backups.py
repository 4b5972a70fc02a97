"""A service in memory, for backups and restores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from common.blobs.memory import MemoryBlobs
from common.contract import ImageRecord
from common.dead_letters.memory import MemoryDeadLetters
from common.keys.memory import MemoryKeys
from common.models.memory import MemoryModels
from common.quotas.memory import MemoryQuotas
from common.read_marks.memory import MemoryReadMarks
from tests.support.pictures import picture
from worker.backup.service import NamedStore, Service
from worker.stores.base import Row, VectorStore
from worker.stores.identity import Identity
from worker.stores.memory import MemoryCollection, MemoryStore

DIM = 64
IDENTITY = Identity("hashing", "1", DIM)
NAME = "images__hashing"
JOB = "1" * 32


class MemoryNote:
    """The complete fake of a restore's note."""

    def __init__(self) -> None:
        self.name: str | None = None

    def get(self) -> str | None:
        return self.name

    def set(self, name: str) -> None:
        self.name = name

    def clear(self) -> None:
        self.name = None


class MemoryService:
    """A service whose parts are all in memory."""

    def __init__(self, active: str | None = IDENTITY.encoder) -> None:
        self.blobs = MemoryBlobs()
        self.keys = MemoryKeys()
        self.quotas = MemoryQuotas()
        self.letters = MemoryDeadLetters()
        self.models = MemoryModels(active)
        self.marks = MemoryReadMarks()
        self.note = MemoryNote()
        self.is_here = True
        self._collections: dict[str, tuple[Identity, MemoryCollection]] = {}

    def create(self, name: str, identity: Identity) -> MemoryStore:
        _, collection = self._collections.setdefault(name, (identity, MemoryCollection()))
        store = MemoryStore(identity, collection)
        store.open()
        return store

    def stores(self) -> list[NamedStore]:
        return [
            (name, identity, MemoryStore(identity, collection))
            for name, (identity, collection) in self._collections.items()
        ]

    def parts(self, create: Callable[[str, Identity], VectorStore] | None = None) -> Service:
        return Service(
            stores=self.stores,
            create=create or self.create,
            blobs=self.blobs,
            is_here=lambda: self.is_here,
            keys=self.keys,
            quotas=self.quotas,
            letters=self.letters,
            models=self.models,
            marks=self.marks,
            note=self.note,
        )

    def add(self, *numbers: int, tenant: str = "default", name: str = NAME, job: str = JOB) -> None:
        """Index pictures that differ by their numbers."""
        store = self.create(name, IDENTITY)
        for number in numbers:
            self.put(tenant, bytes_of(number))
            store.upsert([row_of(number, tenant, job)])

    def put(self, tenant: str, data: bytes, blob_id: str = "") -> None:
        """Store an original."""
        writer = self.blobs.writer(tenant)
        writer.write(data)
        writer.commit(blob_id or hashlib.sha256(data).hexdigest())

    def contents(self) -> dict[str, object]:
        """Return all that a backup must bring back, in a form that can be compared."""
        rows = {
            (name, tenant, key): (row.job_id, row.record, row.vector.tobytes())
            for name, (_, collection) in self._collections.items()
            for tenant, found in collection.rows.items()
            for key, row in found.items()
        }
        blobs = {
            (blob.tenant, blob.id): self.blobs.read(blob.tenant, blob.id)
            for blob in self.blobs.stored()
        }
        letters = {each: self.letters.page(each, 100) for each in self.letters.tenants()}
        quotas = {each.tenant: each.images_max for each in self.quotas.all()}
        return {
            "rows": rows,
            "blobs": blobs,
            "letters": letters,
            "quotas": quotas,
            "keys": self.keys.all(),
            "active": self.models.roles().active,
            "models": self.models.known(),
        }


def bytes_of(number: int) -> bytes:
    """Return a picture's bytes."""
    return picture((number % 256, number // 256, 77))


def id_of(number: int) -> str:
    """Return a picture's id."""
    return hashlib.sha256(bytes_of(number)).hexdigest()


def row_of(number: int, tenant: str = "default", job: str = JOB) -> Row:
    """Return a picture's row."""
    vector = np.random.default_rng(number).standard_normal(DIM).astype(np.float32)
    record = ImageRecord(
        id=id_of(number),
        filename=f"Bilder/{number}é\n.png",
        bytes=len(bytes_of(number)),
        width=64,
        height=48,
        format="PNG",
        tags=[f"tag {number}"],
        metadata={"album": "Crete", "stars": number, "ratio": 0.1, "kept": True},
        perceptual_hash="0" * 16,
        indexed_at=f"2026-0{1 + number % 3}-15T12:00:00.125Z",
    )
    return Row(tenant, record, vector / np.linalg.norm(vector), job)
