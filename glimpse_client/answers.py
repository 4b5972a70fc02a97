"""What the server answers, as values that do not change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

# States in which a job, or a search, no longer changes.
_FINAL = frozenset({"succeeded", "partial", "failed", "cancelled"})


class Answer(BaseModel):
    """Base of the server's answers; fields of a newer server are left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Answer):
    """Part of a list, and where the rest begins."""

    next_cursor: str | None = None


class Known(Answer):
    """Which of some images a search can find, and which it cannot."""

    known: tuple[str, ...]
    missing: tuple[str, ...] = ()


class Job(Answer):
    """An ingest job."""

    id: str
    state: Literal["queued", "running", "succeeded", "partial", "failed", "cancelled"]
    total: int
    indexed: int
    duplicates: int
    failed: int
    cancelled: int
    # From 0 to 1.
    progress: float = 0.0
    # Times in RFC 3339: when it was made, and when a worker began and ended it.
    created_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None
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
    pause_s: float = 1.0


class Item(Answer):
    """One image of a job."""

    id: str
    filename: str
    state: str
    code: str | None = None
    detail: str | None = None


class ItemsPage(Page):
    """Some images of a job."""

    items: tuple[Item, ...]


class JobsPage(Page):
    """Some jobs."""

    jobs: tuple[Job, ...]


class Image(Answer):
    """An indexed image."""

    id: str
    filename: str
    bytes: int
    width: int
    height: int
    format: str
    tags: tuple[str, ...]
    metadata: dict[str, str | int | float | bool]
    indexed_at: str


class ImagesPage(Page):
    """Some images."""

    images: tuple[Image, ...]


class DeadLetter(Answer):
    """An image that the service gave up."""

    # The image's, and the job's that it was last given up in.
    id: str
    job_id: str
    filename: str
    # Why: a stable code, and a sentence.
    code: str
    detail: str
    # How often it was tried.
    attempts: int
    tags: tuple[str, ...]
    metadata: dict[str, str | int | float | bool]
    dead_at: str


class DeadLettersPage(Page):
    """Some dead letters."""

    dead_letters: tuple[DeadLetter, ...]


class Duplicate(Answer):
    """An image folded into a hit that it is very like."""

    id: str
    # Cosine similarity to what was looked for, -1 to 1.
    score: float
    filename: str


class Hit(Duplicate):
    """One picture found."""

    rank: int
    tags: tuple[str, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()


class Problem(Answer):
    """Why a search has no hits."""

    code: str
    detail: str


class Search(Answer):
    """A search and, once it succeeded, its hits."""

    id: str
    state: Literal["queued", "running", "succeeded", "failed"]
    hits: tuple[Hit, ...] = ()
    encoder: str | None = None
    took_ms: float | None = None
    error: Problem | None = None

    @property
    def ended(self) -> bool:
        """Whether the search no longer changes."""
        return self.state in _FINAL
