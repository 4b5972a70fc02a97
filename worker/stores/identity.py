"""Whose vectors a collection holds: only those of one encoder can be compared."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from typing import Self

from common.errors import ModelMismatch
from worker.encoders.base import Encoder

# The field of a collection's mark.
_MARK = "mark"


@dataclass(frozen=True, slots=True)
class Identity:
    """An encoder's name, its revision and the length of its vectors.

    A collection keeps it, as JSON, in its description: every Milvus stores one,
    and none can be changed once the collection is made. With it stands a mark that tells
    the collection from one of the same name before it: Milvus Lite numbers none.
    """

    encoder: str
    revision: str
    dim: int

    @classmethod
    def of(cls, encoder: Encoder) -> Self:
        """Return the identity of an encoder."""
        return cls(encoder.name, encoder.revision, encoder.dim)

    @classmethod
    def read(cls, description: str) -> Self | None:
        """Return the identity in a collection's description, or None if it has none."""
        try:
            fields = dict(json.loads(description))
            fields.pop(_MARK, None)
            return cls(**fields)
        except (TypeError, ValueError):
            return None

    def description(self) -> str:
        """Write the identity as a new collection keeps it, under a mark of its own."""
        return json.dumps({**asdict(self), _MARK: uuid.uuid4().hex}, sort_keys=True)

    def require(self, other: Identity) -> None:
        """Refuse an encoder whose vectors do not belong here.

        Raises:
            ModelMismatch: It is another encoder, or another revision of this one.
        """
        if other != self:
            raise ModelMismatch(
                f"The collection holds vectors of {self}, the encoder is {other};"
                " choose the same GLIMPSE_MODEL and weights, or an empty Milvus."
            )

    def __str__(self) -> str:
        return f"{self.encoder} (revision {self.revision}, {self.dim} dimensions)"
