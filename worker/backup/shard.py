"""Shards: rows of one tenant as bytes.

A line of JSON with ``glimpse_rows`` (the format, 1), ``tenant``, ``rows`` and ``dim``; then a line
of JSON for each row, by image id, with ``job_id`` and ``record``; then all vectors as little-endian
float32 [rows, dim]. ``dim`` is 0 in a backup without vectors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np

from common.contract import ImageRecord
from common.errors import BackupDamaged
from common.rfc3339 import milliseconds
from worker.stores.base import Row, Version

_FORMAT = 1


def pack(rows: Sequence[Row], *, vectors: bool = True) -> bytes:
    """Return rows of one tenant as bytes: the same rows as the same bytes."""
    rows = sorted(rows, key=lambda row: row.record.id)
    dim = len(rows[0].vector) if vectors else 0
    head = {"glimpse_rows": _FORMAT, "tenant": rows[0].tenant, "rows": len(rows), "dim": dim}
    lines = [_json(head), *(_json(_fields(row)) for row in rows)]
    numbers = b"".join(row.vector.astype("<f4").tobytes() for row in rows) if vectors else b""
    return b"".join(lines) + numbers


def unpack(data: bytes) -> list[Row]:
    """Return the rows in a shard; without vectors, those are of length 0.

    Raises:
        BackupDamaged: The bytes are no shard that this version reads.
    """
    try:
        line, _, rest = data.partition(b"\n")
        head = json.loads(line)
        *lines, numbers = rest.split(b"\n", head["rows"])
        shape = head["rows"], head["dim"]
        vectors = np.frombuffer(numbers, "<f4").astype(np.float32).reshape(shape)
        return [
            _row(head["tenant"], json.loads(line), vector)
            for line, vector in zip(lines, vectors, strict=True)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise BackupDamaged(
            f"A shard of the backup is not as this version writes it: {error}."
        ) from error


def digest_of(versions: Mapping[str, Version]) -> str:
    """Return what tells apart two sets of rows of a tenant, without reading them.

    Args:
        versions: The rows' versions by image id.
    """
    lines = (f"{key} {each.job_id} {each.indexed_at_ms}\n" for key, each in versions.items())
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def version_of(row: Row) -> Version:
    """Return a row's version."""
    return Version(row.job_id, milliseconds(row.record.indexed_at))


def _fields(row: Row) -> dict[str, object]:
    return {"job_id": row.job_id, "record": row.record.model_dump(mode="json")}


def _row(tenant: str, fields: Mapping[str, object], vector: np.ndarray) -> Row:
    record = ImageRecord.model_validate(fields["record"])
    return Row(tenant, record, vector, str(fields["job_id"]))


def _json(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
