"""Identity: which encoder's vectors a collection holds; only those are comparable."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Self

from common import schema
from common.errors import ModelMismatch
from worker.encoders.base import Encoder

# The field that makes a collection's description unique.
_MARK = "mark"


@dataclass(frozen=True, slots=True)
class Identity:
    """An encoder's name, its revision and the length of its vectors.

    A collection stores it as JSON in its description, which every Milvus supports
    and which cannot change after the collection is created. Beside it are the schema
    of the collection, and a random mark that distinguishes the collection from earlier
    ones of the same name, because Milvus Lite does not number collections.

    An encoder's identity also has its former revisions, which its older collections store.
    """

    encoder: str
    revision: str
    dim: int
    former_revisions: tuple[str, ...] = field(default=(), compare=False)
    # Of the collection; see ``common/schema.py``.
    schema: int = field(default=schema.WRITES, compare=False)

    @classmethod
    def of(cls, encoder: Encoder) -> Self:
        """Return the identity of an encoder."""
        return cls(encoder.name, encoder.revision, encoder.dim, encoder.former_revisions)

    @classmethod
    def read(cls, description: str) -> Self | None:
        """Return the identity in a collection's description, or None if there is none."""
        try:
            fields = dict(json.loads(description))
            # Those created before schemas had a number are of the first.
            return cls(
                fields["encoder"],
                fields["revision"],
                fields["dim"],
                schema=int(fields.get("schema", 1)),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def description(self) -> str:
        """Return the description for a new collection, with a new mark."""
        fields = {
            "encoder": self.encoder,
            "revision": self.revision,
            "dim": self.dim,
            "schema": self.schema,
            _MARK: uuid.uuid4().hex,
        }
        return json.dumps(fields, sort_keys=True)

    def require(self, other: Identity) -> None:
        """Check that this version reads the collection, and that an encoder's vectors fit it.

        Raises:
            SchemaNewer: A newer version created it.
            ModelMismatch: It has another encoder, or another revision.
        """
        schema.require(self.schema, f"The collection of {self}")
        revisions = (other.revision, *other.former_revisions)
        same = (self.encoder, self.dim) == (other.encoder, other.dim)
        if not same or self.revision not in revisions:
            raise ModelMismatch(
                f"The collection holds vectors of {self}, but the encoder is {other};"
                " use the same GLIMPSE_MODEL and weights, or an empty Milvus."
            )

    def __str__(self) -> str:
        return f"{self.encoder} (revision {self.revision}, {self.dim} dimensions)"
