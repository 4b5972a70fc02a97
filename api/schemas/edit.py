"""Request bodies that change indexed images."""

from __future__ import annotations

from pydantic import Field, model_validator

from api.schemas.body import Body
from common.contract import Change
from common.filters.model import Filter
from common.ids import ImageId

# Maximum ids of a request.
_IDS_MAX = 10_000


class RefreshBody(Body):
    """Body of ``POST /v1/images/refreshes``: the images; all of them by default."""

    ids: list[ImageId] | None = Field(default=None, min_length=1, max_length=_IDS_MAX)
    filter: Filter | None = None

    @model_validator(mode="after")
    def _one_at_most(self) -> RefreshBody:
        if self.ids is not None and self.filter is not None:
            raise ValueError("give ids or a filter, not both")
        return self

    @property
    def change(self) -> Change:
        """The change of each image."""
        return Change(refresh=True)
