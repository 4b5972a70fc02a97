"""Request and response models of searches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from api.dispatch.base import TaskResult, TaskState
from api.schemas.answer import Answer, Count, Time
from api.schemas.body import Body
from api.schemas.failure import Failure
from api.schemas.links import Links
from api.search_records import SearchRecord
from common.contract import Duplicate as FoundDuplicate
from common.contract import Hit as FoundHit
from common.contract import SearchRequest, SearchResult, Term
from common.errors import Unprocessable
from common.filters.model import Filter
from common.ids import ImageId, RecordId
from common.json_integers import WHOLE
from common.rfc3339 import rfc3339

# Maximum characters of a search text; the encoders read far fewer.
_TEXT_CHARACTERS_MAX = 2000
# Maximum pixels of a contact sheet's tiles; it is drawn in memory, three bytes per pixel.
_SHEET_PIXELS_MAX = 25_000_000
# Maximum terms of a query.
_TERMS_MAX = 32

Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=_TEXT_CHARACTERS_MAX),
    # For the OpenAPI document: white space alone is not a text.
    Field(json_schema_extra={"pattern": r"\S"}),
]


def _exactly_one(schema: dict[str, Any]) -> None:
    """Describe the check of ``_one_of_three`` in the OpenAPI schema."""
    given = [
        {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
        for name in ("text", "image_id", "picture")
    ]
    # Within allOf: of properties beside oneOf, generators of clients make one type per alternative.
    schema["allOf"] = [{"oneOf": given}]


def _is_auto(value: object) -> bool:
    """Return whether a limit is left to the service."""
    return value == "auto"


def _unless_auto(value: object, read: ValidatorFunctionWrapHandler) -> object:
    return value if _is_auto(value) else read(value)


# Limits that may also be "auto", in spite of their type: a union would be in the names of fields in
# errors.
MinScore = Annotated[
    float,
    Field(ge=-1, le=1, allow_inf_nan=False),
    WrapValidator(
        _unless_auto,
        json_schema_input_type=Annotated[float, Field(ge=-1, le=1)] | Literal["auto"],
    ),
]
Cosine = Annotated[
    float,
    Field(ge=0.5, le=1, allow_inf_nan=False),
    WrapValidator(
        _unless_auto,
        json_schema_input_type=Annotated[float, Field(ge=0.5, le=1)] | Literal["auto"],
    ),
]


class QueryTerm(Body):
    """One weighted term: a text, an indexed image, or the picture uploaded with the search."""

    model_config = ConfigDict(json_schema_extra=_exactly_one)

    text: Text | None = None
    image_id: ImageId | None = None
    picture: Literal[True] | None = None
    weight: float = Field(default=1.0, ge=-100, le=100, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_of_three(self) -> QueryTerm:
        if sum(each is not None for each in (self.text, self.image_id, self.picture)) != 1:
            raise ValueError("give exactly one of text, image_id and picture")
        return self

    def to_term(self, picture_id: str | None) -> Term:
        """Return the term in the task's format."""
        return Term(
            text=self.text,
            image_id=self.image_id,
            picture=picture_id if self.picture else None,
            weight=self.weight,
        )


class SearchBody(Body):
    """A search by a text, an image's id or a query of several terms, with its options."""

    text: Text | None = None
    image_id: ImageId | None = None
    query: list[QueryTerm] | None = Field(default=None, min_length=1, max_length=_TERMS_MAX)
    top_k: Annotated[int, Field(ge=1, le=1000, description="Maximum number of hits."), WHOLE] = 10
    offset: Annotated[int, Field(ge=0, le=10_000, description="Hits to skip."), WHOLE] = 0
    min_score: MinScore | None = Field(
        default=None, description="Minimum score of a hit; `auto` is the `noise_threshold`."
    )
    filter: Filter | None = None
    group_duplicates: Cosine | None = Field(
        default=None,
        description="`auto` folds near-duplicates into the best of them, a cosine all images"
        " that are at least so similar to a better hit.",
    )

    @model_validator(mode="after")
    def _one_at_most(self) -> SearchBody:
        given = [value for value in (self.text, self.image_id, self.query) if value is not None]
        if len(given) > 1:
            raise ValueError("give exactly one of text, image_id and query")
        return self

    def to_request(self, tenant: str, picture_id: str | None = None) -> SearchRequest:
        """Return the payload of the search's task.

        Args:
            tenant: The owner of the images to search.
            picture_id: The id of the uploaded query picture, if there is one.

        Raises:
            Unprocessable: The search has no term, or a term stands for a missing picture.
        """
        terms = self._terms()
        pictures = [at for at, term in enumerate(terms) if term.picture]
        if picture_id is None and pictures:
            raise _no_picture(pictures[0])
        if picture_id is not None and not pictures:
            terms.append(QueryTerm(picture=True))
        if not terms:
            raise Unprocessable(
                "Give exactly one of text, image_id and query.",
                [{"field": "", "detail": "give exactly one of text, image_id and query"}],
            )
        return SearchRequest(
            version=2 if _is_auto(self.min_score) or _is_auto(self.group_duplicates) else 1,
            tenant=tenant,
            terms=[term.to_term(picture_id) for term in terms],
            top_k=self.top_k,
            offset=self.offset,
            min_score=self.min_score,
            filter=self.filter,
            group_duplicates=self.group_duplicates,
        )

    def _terms(self) -> list[QueryTerm]:
        if self.query is not None:
            return list(self.query)
        if self.text is None and self.image_id is None:
            return []
        return [QueryTerm(text=self.text, image_id=self.image_id)]


class ContactSheetQuery(BaseModel):
    """Query string of ``GET /v1/searches/{id}/contact-sheet.png``."""

    model_config = ConfigDict(extra="forbid")

    columns: int = Field(default=5, ge=1, le=20)
    rows: int = Field(default=2, ge=1, le=50)
    tile: int = Field(default=150, ge=16, le=512, description="Side of a tile, in pixels.")
    captions: bool = Field(
        default=False, description="Whether to add rank, score and file name below each tile."
    )

    @model_validator(mode="after")
    def _bounded(self) -> ContactSheetQuery:
        if self.columns * self.rows * self.tile**2 > _SHEET_PIXELS_MAX:
            raise ValueError(f"a sheet has at most {_SHEET_PIXELS_MAX} pixels; ask for fewer tiles")
        return self


@dataclass(slots=True)
class Duplicate(Answer):
    """An image similar enough to a better hit to be folded into it."""

    id: ImageId
    score: float
    filename: str
    distance: Annotated[int, Field(ge=0, le=64)] | None
    links: dict[str, str]

    @classmethod
    def of(cls, found: FoundDuplicate, links: Links) -> Duplicate:
        """Build the response model of a duplicate."""
        links_of_it = links.of_image(found.id)
        return cls(found.id, found.score, found.filename, found.distance, links_of_it)


@dataclass(slots=True)
class Hit(Answer):
    """An image found by a search."""

    rank: Annotated[int, Field(ge=1)]
    id: ImageId
    score: float
    filename: str
    tags: list[str]
    width: Count
    height: Count
    duplicates: list[Duplicate]
    links: dict[str, str]

    @classmethod
    def of(cls, found: FoundHit, rank: int, links: Links) -> Hit:
        """Build the response model of a hit."""
        return cls(
            rank=rank,
            id=found.id,
            score=found.score,
            filename=found.filename,
            tags=found.tags,
            width=found.width,
            height=found.height,
            duplicates=[Duplicate.of(each, links) for each in found.duplicates],
            links=links.of_image(found.id),
        )


@dataclass(slots=True)
class Search(Answer):
    """A search, with its hits, best first, once it has succeeded."""

    id: RecordId
    state: TaskState
    hits: list[Hit]
    encoder: str | None
    noise_threshold: float | None
    took_ms: float | None
    error: Failure | None
    top_k: int
    offset: int
    created_at: Time
    links: dict[str, str]

    @classmethod
    def of(cls, record: SearchRecord, task: TaskResult, links: Links) -> Search:
        """Build the response model of a search.

        Args:
            record: The search.
            task: The state and the return value of its task.
            links: Builds the links.
        """
        result = SearchResult.model_validate(task.value) if task.state == "succeeded" else None
        error = _failure(task.state, result)
        hits = result.hits if result and not error else ()
        return cls(
            id=record.id,
            state="failed" if error else task.state,
            hits=[Hit.of(hit, rank, links) for rank, hit in enumerate(hits, record.first_rank)],
            encoder=result.encoder if result else None,
            noise_threshold=result.noise_threshold if result and not error else None,
            took_ms=result.took_ms if result and not error else None,
            error=error,
            top_k=record.request.top_k,
            offset=record.request.offset,
            created_at=rfc3339(record.created_at),
            links=links.of_search(record.id),
        )


def _failure(state: TaskState, result: SearchResult | None) -> Failure | None:
    """Return why a search failed, or None: its task never finished or returned an error."""
    if state == "failed":
        return Failure("search_failed", "No worker finished the search; send it again.")
    if result is None or result.error is None:
        return None
    return Failure(result.error.code, result.error.detail)


def _no_picture(at: int) -> Unprocessable:
    return Unprocessable(
        "The query has a picture term, but no picture was uploaded; send the picture as"
        " multipart/form-data in a part named file.",
        [{"field": f"query.{at}.picture", "detail": "no picture was uploaded with the search"}],
    )
