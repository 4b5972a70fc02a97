"""What a service keeps in Redis and cannot make again, as one object of a backup."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from common.contract import Message
from common.dead_letters.base import DeadLetter, DeadLetters
from common.errors import BackupDamaged
from common.keys.base import Key
from worker.backup.service import Service

# Letters read or written per call.
_PAGE = 500


class Records(Message):
    """Keys without their secrets, quotas, the models and dead letters.

    Not here is what ends by itself or describes work in progress: jobs, tasks, claims, leases,
    idempotency keys, searches, heartbeats and read marks.
    """

    keys: list[Key]
    # Maximum number of images by tenant.
    quotas: dict[str, int]
    # All models that have had workers.
    models: list[str]
    letters: list[DeadLetter]


def read_records(service: Service) -> Records:
    """Return the records of a service."""
    return Records(
        # In a fixed order, so that the same records are the same object.
        keys=sorted(service.keys.all(), key=lambda key: key.id),
        quotas={quota.tenant: quota.images_max for quota in service.quotas.all()},
        models=service.models.known(),
        letters=sorted(_letters(service.letters), key=lambda letter: (letter.tenant, letter.id)),
    )


def pack_records(records: Records) -> bytes:
    """Return records as JSON."""
    return records.model_dump_json().encode()


def unpack_records(data: bytes) -> Records:
    """Return the records in an object; raises ``BackupDamaged``."""
    try:
        return Records.model_validate_json(data)
    except ValidationError as error:
        raise BackupDamaged(
            f"The records of the backup cannot be read: {error.error_count()} errors."
        ) from error


def write_records(service: Service, records: Records, active: str | None) -> None:
    """Store everything but the letters, whose originals come first.

    Args:
        service: The service to fill.
        records: What to store.
        active: The model that becomes active unless one is.
    """
    for key in records.keys:
        service.keys.add(key)
        if key.revoked_at is not None:
            service.keys.revoke(key.id, key.revoked_at)
        if key.used_at is not None:
            service.keys.note_use(key.id, key.used_at)
    for tenant, images_max in records.quotas.items():
        service.quotas.put(tenant, images_max)
    for model in (*([] if active is None else [active]), *records.models):
        service.models.adopt(model)


def _letters(letters: DeadLetters) -> Iterator[DeadLetter]:
    for tenant in letters.tenants():
        cursor: str | None = None
        while True:
            page, cursor = letters.page(tenant, _PAGE, cursor)
            yield from page
            if cursor is None:
                break
