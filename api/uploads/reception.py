"""Receptions: what a request brought, held until it is known whether a job begins with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from api.schemas.body import Metadata
from api.services import Services
from api.uploads.job import begin_job
from common.images.intake import Intake
from common.jobs.base import Job


class Reception(Protocol):
    """What a request brought; nothing of it is kept until ``begin``."""

    @property
    def content(self) -> Sequence[object]:
        """What tells it from other content, as JSON has it."""
        ...

    def begin(self, job_id: str) -> Job:
        """Keep what came, begin the job with it under this id, and return the job."""
        ...

    def close(self) -> None:
        """Forget what was not kept."""
        ...


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures, each with its name, and the metadata of them all."""

    services: Services
    tenant: str
    files: Sequence[tuple[str, Intake]]
    metadata: Metadata
    # The metadata to the letter.
    metadata_text: str = ""

    @property
    def content(self) -> Sequence[object]:
        """Names and ids in their order, and the metadata."""
        return [self.metadata_text, *([name, intake.id] for name, intake in self.files)]

    def begin(self, job_id: str) -> Job:
        """Keep the pictures and begin their job."""
        uploads = [intake.finish(name) for name, intake in self.files]
        tags, own = self.metadata.tags, self.metadata.own
        return begin_job(self.services, self.tenant, job_id, uploads, tags, own)

    def close(self) -> None:
        """Forget the pictures that were not kept."""
        for _, intake in self.files:
            intake.close()
