"""Request bodies and query strings, validated field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from flask import Request
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from werkzeug.exceptions import ClientDisconnected

from common.contract import MetadataValue, OnDuplicate
from common.errors import InvalidRequest, Unprocessable, UnsupportedMediaType
from common.ids import ImageId, RecordId
from common.images.metadata_limits import (
    INTEGER_MAX,
    KEY_CHARACTERS_MAX,
    KEYS_MAX,
    METADATA_BYTES_MAX,
    TAGS_MAX,
    OwnKey,
    Tag,
    Text,
    Whole,
    check_value,
)
from common.jobs.base import ItemState
from common.webhooks.url import CallbackUrl

# Maximum bytes of a JSON body: several times the size of 10,000 ids.
_JSON_BYTES_MAX = 4 * 1024**2
# What pydantic says of a text that is no id or no beginning of one.
_DIGITS = re.compile(r"String should match pattern '\^\[0-9a-f\]\{([0-9,]+)\}\$'")
# Largest index in a cursor over a job's images; Redis rejects numbers above 2**63.
_INDEX_MAX = 2**53


def kept_value(value: object) -> object:
    """Validate a value; JSON numbers are doubles, so integers out of range become floats."""
    checked = check_value(value)
    return float(checked) if isinstance(checked, int) and abs(checked) > INTEGER_MAX else checked


# A metadata value under one of the caller's own keys.
OwnValue = Annotated[
    Any, BeforeValidator(kept_value, json_schema_input_type=Text | Whole | float | bool)
]


def metadata_field(description: str) -> Any:
    """Return a field of values under the caller's own keys; check them with ``check_metadata``."""
    return Field(
        default={},
        max_length=KEYS_MAX,
        description=description,
        # pydantic checks the keys' lengths, but does not include them in the schema.
        json_schema_extra={"propertyNames": {"minLength": 1, "maxLength": KEY_CHARACTERS_MAX}},
    )


def check_metadata(metadata: Mapping[str, object]) -> None:
    """Raise ``ValueError`` if metadata is too large."""
    if len(json.dumps(metadata)) > METADATA_BYTES_MAX:
        raise ValueError(f"give at most {METADATA_BYTES_MAX} bytes of metadata as JSON")


class Body(BaseModel):
    """Base of request bodies; unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CheckBody(Body):
    """Body of ``POST /v1/images/check``."""

    ids: list[ImageId] = Field(max_length=10_000)
    filenames: list[Text] | None = Field(
        default=None,
        max_length=10_000,
        description="A path for each id. The known images whose file has another name now are"
        " `renamed`.",
    )

    @model_validator(mode="after")
    def _one_name_for_each(self) -> CheckBody:
        if self.filenames is not None and len(self.filenames) != len(self.ids):
            raise ValueError("filenames must contain one name for each id, or be left out")
        return self


def _without_default(schema: dict[str, Any]) -> None:
    """Remove a default that generated clients would send, though it is refused with some jobs."""
    del schema["default"]


def callback_field() -> Any:
    """Return the field of requests that create a job, for the URL to call at its end."""
    return Field(default=None, description="Called when the job has ended, with the job.")


class UploadQuery(BaseModel):
    """Query string of ``POST /v1/images``."""

    model_config = ConfigDict(extra="forbid")

    filename: str = Field(
        default="", description="File name of a body that is one picture or one archive."
    )
    job: RecordId | None = Field(
        default=None, description="The open job to add to; by default, a job is created."
    )
    # After job, by which they are checked.
    on_duplicate: OnDuplicate = Field(
        default="merge",
        description="What the upload does to images that are already indexed: `keep` leaves them"
        " as they are, `merge` (the default) adds what they lack of the tags, metadata and file"
        " name, `replace` replaces tags, metadata and file name. An open job has its own.",
        json_schema_extra=_without_default,
    )

    callback_url: CallbackUrl | None = callback_field()

    @field_validator("on_duplicate", "callback_url")
    @classmethod
    def _that_of_the_job(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("job") is not None:
            raise ValueError("an open job has its own, so leave it out")
        return value


class ReplayQuery(BaseModel):
    """Query string of ``POST /v1/dead-letters/{id}/replay``."""

    model_config = ConfigDict(extra="forbid")

    callback_url: CallbackUrl | None = callback_field()


class ItemsQuery(BaseModel):
    """Query string of ``GET /v1/jobs/{id}/items``."""

    model_config = ConfigDict(extra="forbid")

    state: ItemState | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    # Index of the first item of the page.
    cursor: int = Field(
        default=0, ge=0, le=_INDEX_MAX, description="The `next_cursor` of the previous page."
    )


class ThumbnailQuery(BaseModel):
    """Query string of ``GET /v1/images/{id}/thumbnail``."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(default=150, ge=16, le=1024, description="Longest side, in pixels.")


class Metadata(BaseModel):
    """The ``metadata`` part of an upload: tags and the caller's own keys."""

    # pydantic checks the keys' lengths, but does not include them in the schema.
    model_config = ConfigDict(
        extra="allow",
        strict=True,
        json_schema_extra={"propertyNames": {"minLength": 1, "maxLength": KEY_CHARACTERS_MAX}},
    )
    __pydantic_extra__: dict[OwnKey, OwnValue] = Field(init=False)

    tags: list[Tag] = Field(default=[], max_length=TAGS_MAX)

    @model_validator(mode="after")
    def _bounded(self) -> Metadata:
        if len(self.own) > KEYS_MAX:
            raise ValueError(f"at most {KEYS_MAX} keys")
        if len(json.dumps(self.own)) > METADATA_BYTES_MAX:
            raise ValueError(f"at most {METADATA_BYTES_MAX} bytes of JSON")
        return self

    @property
    def own(self) -> dict[str, MetadataValue]:
        """The caller's own keys and their values."""
        return self.__pydantic_extra__


Model = TypeVar("Model", bound=BaseModel)


def read_json(request: Request, model: type[Model]) -> Model:
    """Read a JSON body.

    Raises:
        UnsupportedMediaType: The body is not declared as JSON.
        RequestEntityTooLarge: The body exceeds the limit for JSON.
        InvalidRequest: The body is not JSON.
        Unprocessable: A field is unknown, missing or out of range.
    """
    if not request.is_json:
        raise UnsupportedMediaType("Send JSON with Content-Type: application/json.")
    # Unlike pictures, JSON is held in memory whole.
    request.max_content_length = _JSON_BYTES_MAX
    try:
        text = request.get_data()
    except ClientDisconnected:
        raise InvalidRequest("The body is incomplete; send it again.") from None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body {_fault(error)}.") from None
    return check(model, value)


def read_text(text: str, model: type[Model], part: str) -> Model:
    """Read a form part that holds JSON; raises like ``read_json``."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The part {part} {_fault(error)}.", field=part) from None
    return check(model, value)


def _fault(error: ValueError | RecursionError) -> str:
    """Return what is wrong with a text that should be JSON, and where."""
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"is not UTF-8: see byte {error.start}"
    if not isinstance(error, json.JSONDecodeError):
        return "is not valid JSON: a number is too long"
    what = error.msg[:1].lower() + error.msg[1:]
    return f"is not valid JSON: {what} at line {error.lineno}, column {error.colno}"


def read_query(request: Request, model: type[Model]) -> Model:
    """Read a query string; raises ``Unprocessable``."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        errors = [{"field": name, "detail": "given more than once"} for name in repeated]
        raise Unprocessable(f"{repeated[0]}: given more than once.", errors)
    return check(model, request.args.to_dict())


def check(model: type[Model], value: object) -> Model:
    """Validate a value against a model.

    Raises:
        Unprocessable: The value is invalid; the error names each field at fault.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = [
            {"field": ".".join(str(part) for part in entry["loc"]), "detail": _detail(entry["msg"])}
            for entry in error.errors(include_url=False, include_context=False)
        ]
        first = errors[0]
        field, detail = first["field"], first["detail"]
        sentence = f"{field}: {detail}." if field else f"{detail[:1].upper()}{detail[1:]}."
        raise Unprocessable(sentence, errors) from None


def _detail(message: str) -> str:
    """Return pydantic's message without pydantic's own terms."""
    if digits := _DIGITS.fullmatch(message):
        return f"give {digits[1].replace(',', ' to ')} lower-case hexadecimal digits"
    plain = message.removeprefix("Value error, ").partition(" or instance of ")[0]
    plain = plain.replace("Extra inputs are not permitted", "unknown field")
    return plain.replace("valid dictionary", "JSON object")
