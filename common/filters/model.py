"""Filters: conditions on the attributes of the images that a search may find.

    {"tags": {"any": ["dog", "cat"], "none": ["draft"]},
     "width": {"gte": 640},
     "metadata.album": "holiday",
     "near": {"latitude": 48.14, "longitude": 11.58, "km": 5},
     "indexed_at": {"gte": "2026-01-31T12:00:00Z"},
     "or": [{"camera": "Canon EOS 5D"}, {"not": {"format": "JPEG"}}]}

An image must meet all conditions, and all operators of each. Unknown fields and operators are
rejected, and so is null, because ignoring one would return images that the caller meant to exclude.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_serializer,
    model_validator,
)

from common.filters.nesting import CONDITIONS_MAX, check_levels
from common.filters.schema import named_metadata, needs_operator
from common.filters.values import (
    Camera,
    Format,
    Name,
    OrderedValue,
    OwnValue,
    Part,
    Time,
    Whole,
)
from common.ids import IdPrefix, ImageId
from common.images.metadata_limits import OwnKey, Tag

# Prefix of a metadata key in the name of a condition.
_METADATA_PREFIX = "metadata."
# Maximum number of metadata keys in a filter, and of values in a list.
_KEYS_MAX, _VALUES_MAX = 16, 100
# Maximum radius of a circle, in kilometres: half the Earth's circumference, rounded up.
_KM_MAX = 20_038
# Maximum size of a filter as JSON, in bytes.
_BYTES_MAX = 64 * 1024


class _Given(BaseModel):
    """Base of what a caller gives: None means left out, and cannot be given."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("give a value, not null")
        return value


class Condition(_Given):
    """Base of the conditions on a field: one or more operators."""

    model_config = ConfigDict(json_schema_extra=needs_operator)

    @model_validator(mode="after")
    def _needs_operator(self) -> Self:
        if not self.operands:
            operators = (field.alias or name for name, field in type(self).model_fields.items())
            raise ValueError(f"give at least one of {', '.join(operators)}")
        return self

    @property
    def operands(self) -> dict[str, Any]:
        """The operand of each operator, by the operator's name in the API."""
        return self.model_dump(by_alias=True, exclude_none=True)


def _equal_to(value: object) -> object:
    """Read a bare value as ``{"eq": value}``."""
    return value if isinstance(value, Mapping | Condition) else {"eq": value}


class Tags(Condition):
    """Condition on tags: at least one of ``any``, all of ``all``, and none of ``none``."""

    any: list[Tag] | None = Field(default=None, min_length=1, max_length=_VALUES_MAX)
    all: list[Tag] | None = Field(default=None, min_length=1, max_length=_VALUES_MAX)
    none: list[Tag] | None = Field(default=None, min_length=1, max_length=_VALUES_MAX)


class Number(Condition):
    """Condition on an integer."""

    eq: Whole | None = None
    one_of: list[Whole] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )
    gt: Whole | None = None
    gte: Whole | None = None
    lt: Whole | None = None
    lte: Whole | None = None


class Id(Condition):
    """Condition on the image's id."""

    eq: ImageId | None = None
    one_of: list[ImageId] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )
    prefix: IdPrefix | None = None


class Filename(Condition):
    """Condition on the path that an image was uploaded under; case-sensitive."""

    eq: Name | None = None
    one_of: list[Name] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )
    prefix: Name | None = None
    contains: Name | None = None


class FormatName(Condition):
    """Condition on the name of the format; case-insensitive."""

    eq: Format | None = None
    one_of: list[Format] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )


class CameraName(Condition):
    """Condition on the camera's maker and model; case-insensitive."""

    eq: Camera | None = None
    one_of: list[Camera] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )
    prefix: Camera | None = None

    @property
    def folded(self) -> dict[str, Any]:
        """The operands without case, as cameras are stored."""
        return {
            operator: [each.casefold() for each in value]
            if isinstance(value, list)
            else value.casefold()
            for operator, value in self.operands.items()
        }


class Moment(Condition):
    """Condition on a time: RFC 3339, with an offset from UTC."""

    gt: Time | None = None
    gte: Time | None = None
    lt: Time | None = None
    lte: Time | None = None


class Near(Condition):
    """Condition on the place where a picture was taken: at most ``km`` from a point."""

    # Every field is required, so that the JSON Schema needs no rule about operators.
    model_config = ConfigDict(json_schema_extra=None)

    # Degrees in WGS 84, and kilometres along a great circle.
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    km: float = Field(gt=0, le=_KM_MAX, allow_inf_nan=False)


class Own(Condition):
    """Condition on a value of the caller's metadata.

    A string is compared with strings, a number with numbers (1 equals 1.0), a boolean with
    booleans; ``contains`` compares strings, with case. A missing value, or one of another type,
    meets no condition.
    """

    eq: OwnValue = None
    one_of: list[OwnValue] | None = Field(
        default=None, alias="in", min_length=1, max_length=_VALUES_MAX
    )
    gt: OrderedValue = None
    gte: OrderedValue = None
    lt: OrderedValue = None
    lte: OrderedValue = None
    contains: Part | None = None


# Conditions that may be written as a bare value, which means ``eq``.
NumberOrValue = Annotated[Number, BeforeValidator(_equal_to, json_schema_input_type=Whole | Number)]
IdOrValue = Annotated[Id, BeforeValidator(_equal_to, json_schema_input_type=ImageId | Id)]
FormatOrValue = Annotated[
    FormatName, BeforeValidator(_equal_to, json_schema_input_type=Format | FormatName)
]
FilenameOrValue = Annotated[
    Filename, BeforeValidator(_equal_to, json_schema_input_type=Name | Filename)
]
CameraOrValue = Annotated[
    CameraName, BeforeValidator(_equal_to, json_schema_input_type=Camera | CameraName)
]
OwnOrValue = Annotated[Own, BeforeValidator(_equal_to, json_schema_input_type=OwnValue | Own)]


class Filter(_Given):
    """Conditions that an image must meet to be found; an empty filter matches every image."""

    model_config = ConfigDict(json_schema_extra=named_metadata)

    id: IdOrValue | None = None
    tags: Tags | None = None
    width: NumberOrValue | None = None
    height: NumberOrValue | None = None
    bytes: NumberOrValue | None = None
    format: FormatOrValue | None = None
    filename: FilenameOrValue | None = None
    indexed_at: Moment | None = None
    taken_at: Moment | None = None
    camera: CameraOrValue | None = None
    near: Near | None = None
    # By metadata key; in JSON each is a condition named "metadata.KEY".
    metadata: dict[OwnKey, OwnOrValue] = Field(default={}, max_length=_KEYS_MAX)
    # An image must match all of the first, at least one of the second, and not the last.
    all_of: list[Filter] | None = Field(
        default=None, alias="and", min_length=1, max_length=CONDITIONS_MAX
    )
    any_of: list[Filter] | None = Field(
        default=None, alias="or", min_length=1, max_length=CONDITIONS_MAX
    )
    negated: Filter | None = Field(default=None, alias="not")

    @model_validator(mode="before")
    @classmethod
    def _collect_metadata(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        check_levels(value)
        if "metadata" in value:
            raise ValueError("metadata: give the name of a key, such as metadata.album")
        plain = {name: each for name, each in value.items() if not _is_own(name)}
        own = {
            name.removeprefix(_METADATA_PREFIX): each
            for name, each in value.items()
            if _is_own(name)
        }
        return plain | {"metadata": own}

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.size > CONDITIONS_MAX:
            raise ValueError(f"give at most {CONDITIONS_MAX} conditions in all")
        # The filter is stored with its search and sent through the queue.
        if len(self.model_dump_json().encode()) > _BYTES_MAX:
            raise ValueError(f"give at most {_BYTES_MAX} bytes of JSON")
        return self

    @model_serializer
    def _as_sent(self) -> dict[str, Any]:
        lists = {"and": self.all_of, "or": self.any_of}
        return {
            **{name: condition.operands for name, condition in self.conditions.items()},
            **{name: list(each) for name, each in lists.items() if each is not None},
            **({} if self.negated is None else {"not": self.negated}),
        }

    @property
    def conditions(self) -> dict[str, Condition]:
        """The filter's own condition on each field, by the field's name in the API."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        own = {f"{_METADATA_PREFIX}{key}": each for key, each in fields.pop("metadata").items()}
        return {name: each for name, each in fields.items() if isinstance(each, Condition)} | own

    @property
    def inner(self) -> list[Filter]:
        """The filters directly within this one."""
        negated = () if self.negated is None else (self.negated,)
        return [*(self.all_of or ()), *(self.any_of or ()), *negated]

    @property
    def size(self) -> int:
        """The number of conditions, with those of all filters within; an empty filter has one."""
        return max(1, len(self.conditions) + sum(each.size for each in self.inner))


def _is_own(name: object) -> bool:
    return isinstance(name, str) and name.startswith(_METADATA_PREFIX)
