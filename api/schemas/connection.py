"""Model of what the API sees of a caller's connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from api.schemas.answer import Answer, Count


@dataclass(slots=True)
class Connection(Answer):
    """How a request reached the API."""

    address: Annotated[
        str,
        Field(description="The address that the API takes for the caller's, as in rate limits."),
    ]
    forwarded: Annotated[
        Count, Field(description="Proxies that have added an address to `X-Forwarded-For`.")
    ]
    proxy_hops: Annotated[
        Count, Field(description="Proxies that the API believes (`GLIMPSE_PROXY_HOPS`).")
    ]
