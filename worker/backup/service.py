"""The parts of a service that a backup reads and a restore fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from redis import Redis

from common import schema
from common.blobs.base import BlobStore
from common.blobs.stores import check_blobs, open_blobs
from common.dead_letters.base import DeadLetters
from common.dead_letters.redis import RedisDeadLetters
from common.errors import BackupRefused
from common.keys.base import Keys
from common.keys.redis import RedisKeys
from common.models.base import Models
from common.models.redis import RedisModels
from common.quotas.base import Quotas
from common.quotas.redis import RedisQuotas
from common.read_marks.base import ReadMarks
from common.read_marks.redis import RedisReadMarks
from common.redis.client import broker_call, connect
from common.redis.setup import require_redis
from common.settings import Settings
from worker.stores.base import VectorStore
from worker.stores.identity import Identity
from worker.stores.registry import is_memory

# The name of a collection, its encoder and its store.
NamedStore = tuple[str, Identity, VectorStore]


class RestoreNote(Protocol):
    """Names the backup that is being restored; every method raises ``BrokerUnavailable``."""

    def get(self) -> str | None:
        """Return the backup's name, or None if no restore is in progress."""
        ...

    def set(self, name: str) -> None:
        """Note that a restore has begun."""
        ...

    def clear(self) -> None:
        """Note that it has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a service.

    Attributes:
        stores: Returns all models' collections.
        create: Returns the open store of a collection, which is created if it does not exist.
        blobs: Holds the originals.
        is_here: Returns whether ``blobs`` is the store that the API writes to.
        keys: The API keys.
        quotas: The tenants' quotas.
        letters: The dead letters.
        models: The active model.
        marks: The read marks, which a restore raises.
        note: Names the backup that is being restored.
    """

    stores: Callable[[], Sequence[NamedStore]]
    create: Callable[[str, Identity], VectorStore]
    blobs: BlobStore
    is_here: Callable[[], bool]
    keys: Keys
    quotas: Quotas
    letters: DeadLetters
    models: Models
    marks: ReadMarks
    note: RestoreNote


class RedisRestoreNote:
    """Keeps the note in Redis, where no program but a restore reads it.

    Args:
        redis: A client that decodes responses.
    """

    _KEY = "glimpse:restore"

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @broker_call
    def get(self) -> str | None:
        """Return the backup's name."""
        return cast("str | None", self._redis.get(self._KEY))

    @broker_call
    def set(self, name: str) -> None:
        """Note that a restore has begun."""
        self._redis.set(self._KEY, name)

    @broker_call
    def clear(self) -> None:
        """Note that it has ended."""
        self._redis.delete(self._KEY)


def open_service(settings: Settings, *, writes: bool) -> Service:
    """Connect to the service in the settings.

    Args:
        settings: Those of a worker.
        writes: Whether blobs will be written, so that the blob store is marked as the API does.

    Raises:
        BackupRefused: The collections are in memory.
        SetupError: The settings, or data of a newer version, do not allow it.
        ServiceError: A part of the service does not answer.
    """
    if is_memory(settings.milvus_uri):
        raise BackupRefused("Collections in memory cannot be backed up or restored.")
    from worker.stores.milvus.collections import MilvusCollections
    from worker.stores.milvus.definition import Definition
    from worker.stores.milvus.store import MilvusStore

    require_redis(settings.redis)
    redis = connect(settings.redis)
    schema.check(redis)
    check_blobs(settings, redis)
    definition = Definition.of(settings)
    blobs = open_blobs(settings, redis, marks=writes)
    collections = MilvusCollections(settings.milvus_uri, settings.milvus_token, definition)

    def create(name: str, identity: Identity) -> VectorStore:
        address, token = settings.milvus_uri, settings.milvus_token
        store = MilvusStore(address, token, name, identity, definition)
        store.open()
        return store

    return Service(
        stores=collections.named,
        create=create,
        blobs=blobs.originals,
        is_here=blobs.mark.is_here,
        keys=RedisKeys(redis),
        quotas=RedisQuotas(redis),
        letters=RedisDeadLetters(redis),
        models=RedisModels(redis),
        marks=RedisReadMarks(redis),
        note=RedisRestoreNote(redis),
    )
