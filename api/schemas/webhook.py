"""Models of webhooks: their deliveries, and the secret that signs them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.answer import Answer, Count, Time, time_or_none
from api.schemas.links import Links
from api.schemas.pagination import Cursor
from common.ids import RecordId
from common.rfc3339 import rfc3339
from common.webhooks.base import OVERLAP_S, DeliveryState
from common.webhooks.base import Attempt as AttemptRecord
from common.webhooks.base import Delivery as DeliveryRecord
from common.webhooks.base import Secret as SecretRecord


class DeliveriesQuery(BaseModel):
    """Query string of ``GET /v1/webhooks/deliveries``."""

    model_config = ConfigDict(extra="forbid")

    state: DeliveryState | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: Cursor | None = None


@dataclass(slots=True)
class Attempt(Answer):
    """One request to a receiver."""

    at: Time
    ms: Count
    status: Annotated[int | None, Field(description="The receiver's status, if it answered.")]
    error: Annotated[str | None, Field(description="Why it failed; null if it was accepted.")]

    @classmethod
    def of(cls, record: AttemptRecord) -> Attempt:
        """Build the response model of an attempt."""
        return cls(rfc3339(record.at), record.ms, record.status, record.error)


@dataclass(slots=True)
class Delivery(Answer):
    """The message that a job has ended, to one URL."""

    id: Annotated[RecordId, Field(description="Its `webhook-id`, which is the id of the job.")]
    url: str
    state: DeliveryState
    created_at: Time
    next_attempt_at: Time | None
    attempts: Annotated[list[Attempt], Field(description="The last 20, the oldest first.")]
    links: dict[str, str]

    @classmethod
    def of(cls, record: DeliveryRecord, links: Links) -> Delivery:
        """Build the response model of a delivery."""
        return cls(
            id=record.id,
            url=record.url,
            state=record.state,
            created_at=rfc3339(record.created_at),
            next_attempt_at=time_or_none(record.due_at),
            attempts=[Attempt.of(each) for each in record.attempts],
            links=links.of_delivery(record.id),
        )


@dataclass(slots=True)
class Deliveries(Answer):
    """A page of deliveries, newest first."""

    deliveries: list[Delivery]
    next_cursor: str | None

    @classmethod
    def of(
        cls, records: Iterable[DeliveryRecord], next_cursor: str | None, links: Links
    ) -> Deliveries:
        """Build the response page."""
        return cls([Delivery.of(record, links) for record in records], next_cursor)


@dataclass(slots=True)
class Secret(Answer):
    """A new secret, which is not shown again."""

    secret: Annotated[str, Field(description="Verifies messages; `whsec_` and base64.")]
    created_at: Time
    previous_until: Annotated[
        Time | None, Field(description="Until when the one before it signs messages too, if any.")
    ]

    @classmethod
    def of(cls, record: SecretRecord, *, is_first: bool) -> Secret:
        """Build the response model of a secret."""
        until = None if is_first else rfc3339(record.created_at + OVERLAP_S)
        return cls(record.text, rfc3339(record.created_at), until)
