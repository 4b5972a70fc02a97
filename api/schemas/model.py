"""Request and response models of models and the reindex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.answer import Answer, Count, Share, Time, time_or_none
from api.schemas.body import Body
from common.models.base import Switch as SwitchRecord
from common.models.base import SwitchState
from common.reindex.base import SLICES, ReindexState
from common.reindex.base import Reindex as ReindexRecord
from common.rfc3339 import rfc3339

# Longest name of a model, in characters; `open_clip:local-dir:` is followed by a path.
_NAME_MAX = 256

Name = Annotated[str, Field(min_length=1, max_length=_NAME_MAX)]


class UseBody(Body):
    """Body of ``PUT /v1/models/active``."""

    model: Name
    allow_missing: bool = Field(
        default=False, description="Switch even if the model lacks some images."
    )


class ReindexBody(Body):
    """Body of ``POST /v1/reindex``."""

    model: Name


class DropQuery(BaseModel):
    """Query string of ``DELETE /v1/models``."""

    model_config = ConfigDict(extra="forbid")

    model: Name


@dataclass(slots=True)
class Workers(Answer):
    """The live workers of a model."""

    ingest: Count
    search: Count


@dataclass(slots=True)
class NoiseThreshold(Answer):
    """Scores below which hits are noise, by what is searched for; null if unknown."""

    text: float | None
    image: float | None


@dataclass(slots=True)
class Model(Answer):
    """A model that has a collection."""

    name: str
    revision: str
    dim: Count
    noise_threshold: NoiseThreshold
    images: Count
    active: bool
    workers: Workers


@dataclass(slots=True)
class Switch(Answer):
    """The last switch of the active model."""

    model: str
    state: SwitchState
    detail: str | None
    changed_at: Time

    @classmethod
    def of(cls, switch: SwitchRecord) -> Switch:
        """Build the response model of a switch."""
        return cls(switch.model, switch.state, switch.detail, rfc3339(switch.at))


@dataclass(slots=True)
class Models(Answer):
    """The models of the service, and the last switch."""

    active: str | None
    models: list[Model]
    switch: Switch | None


@dataclass(slots=True)
class Reindex(Answer):
    """A reindex and its progress."""

    model: str
    source: str
    state: ReindexState
    detail: str | None
    # Rows of the source, and of the model's collection.
    images: Count
    present: Count
    embedded: Count
    failed: Count
    # The current pass over all images, from 1, and the share of it that is done.
    pass_number: Count
    pass_done: Share
    started_at: Time
    ended_at: Time | None

    @classmethod
    def of(cls, reindex: ReindexRecord) -> Reindex:
        """Build the response model of a reindex."""
        return cls(
            model=reindex.model,
            source=reindex.source,
            state=reindex.state,
            detail=reindex.detail,
            images=reindex.images,
            present=reindex.present,
            embedded=reindex.embedded,
            failed=reindex.failed,
            pass_number=reindex.number,
            pass_done=reindex.slices_done / len(SLICES),
            started_at=rfc3339(reindex.started_at),
            ended_at=time_or_none(reindex.ended_at),
        )
