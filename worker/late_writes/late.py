"""A row that this process wrote or deleted after it had lost its claim."""

from __future__ import annotations

from dataclasses import dataclass

from worker.stores.base import Row


@dataclass(frozen=True, slots=True)
class Late:
    """A row as this process wrote or deleted it, and the row that an edit replaced."""

    row: Row
    replaced: Row | None = None

    @property
    def tenant(self) -> str:
        """The owner of its image."""
        return self.row.tenant

    @property
    def id(self) -> str:
        """The id of its image."""
        return self.row.record.id

    @property
    def key(self) -> tuple[str, str, str]:
        """Its tenant, image and job."""
        return self.tenant, self.id, self.row.job_id
