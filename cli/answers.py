"""What the server answers, as far as the commands read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

# States in which a job, or a search, no longer changes.
_FINAL = frozenset({"succeeded", "partial", "failed", "cancelled"})


class Answer(BaseModel):
    """Base of the server's answers; fields of a newer server are left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Known(Answer):
    """Which of some images a search can find."""

    known: list[str]


class Job(Answer):
    """An ingest job."""

    id: str
    state: Literal["queued", "running", "succeeded", "partial", "failed", "cancelled"]
    total: int
    indexed: int
    duplicates: int
    failed: int
    cancelled: int
    rate_per_s: float | None = None
    eta_s: float | None = None

    @property
    def done(self) -> int:
        """Images whose outcome is known."""
        return self.indexed + self.duplicates + self.failed + self.cancelled

    @property
    def ended(self) -> bool:
        """Whether the job no longer changes."""
        return self.state in _FINAL


@dataclass(frozen=True, slots=True)
class Look:
    """How far a job is, and after how many seconds the server wants to be asked again."""

    job: Job
    pause_s: float


class Item(Answer):
    """One image of a job."""

    id: str
    filename: str
    state: str
    code: str | None = None
    detail: str | None = None


class ItemsPage(Answer):
    """Some images of a job, and where the next ones begin."""

    items: list[Item]
    next_cursor: str | None = None


class ListedJob(Job):
    """A job in a list."""

    created_at: str


class JobsPage(Answer):
    """Some jobs, and where the next ones begin."""

    jobs: list[ListedJob]
    next_cursor: str | None = None


class Image(Answer):
    """An indexed image."""

    id: str
    filename: str
    bytes: int
    width: int
    height: int
    format: str
    tags: list[str]
    metadata: dict[str, str | int | float | bool]
    indexed_at: str


class ImagesPage(Answer):
    """Some images, and where the next ones begin."""

    images: list[Image]
    next_cursor: str | None = None


class Hit(Answer):
    """One picture found."""

    rank: int
    id: str
    # Cosine similarity, -1 to 1.
    score: float
    filename: str


class Problem(Answer):
    """Why a search has no hits."""

    code: str
    detail: str


class Search(Answer):
    """A search and, once it succeeded, its hits."""

    id: str
    state: Literal["queued", "running", "succeeded", "failed"]
    hits: list[Hit] = []
    encoder: str | None = None
    took_ms: float | None = None
    error: Problem | None = None

    @property
    def ended(self) -> bool:
        """Whether the search no longer changes."""
        return self.state in _FINAL
