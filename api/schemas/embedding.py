"""Request and response models of embeddings."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from api.schemas.answer import Answer
from api.schemas.body import Body
from api.schemas.search import Text
from common.contract import EmbeddingsRequest, EmbeddingsResult, Input
from common.errors import InputFailed, Unprocessable
from common.ids import ImageId

# Maximum texts and image ids of a request. A search that arrives meanwhile waits for the texts
# before it, which are two of a search worker's batches at most.
INPUTS_MAX = 64
# Maximum pictures of a request: one batch, since a picture takes longer than a text.
PICTURES_MAX = 16

EncodingFormat = Literal["float", "base64"]


def _exactly_one(schema: dict[str, Any]) -> None:
    """Describe the check of ``_one_of_two`` in the OpenAPI schema."""
    given = [
        {"required": [name], "properties": {name: {"type": "string"}}}
        for name in ("text", "image_id")
    ]
    # Within allOf for generators of clients, as in a query's terms.
    schema["allOf"] = [{"oneOf": given}]


class EmbeddingInput(Body):
    """A text, or an indexed image."""

    model_config = ConfigDict(json_schema_extra=_exactly_one)

    text: Text | None = None
    image_id: ImageId | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> EmbeddingInput:
        if (self.text is None) == (self.image_id is None):
            raise ValueError("give exactly one of text and image_id")
        return self


class EmbeddingsBody(Body):
    """Texts and images to embed; pictures are parts of their own."""

    inputs: list[EmbeddingInput] = Field(default=[], max_length=INPUTS_MAX)
    encoding_format: EncodingFormat = Field(
        default="float",
        description="Numbers, or the bytes of little-endian float32 numbers in base64.",
    )

    def to_request(self, tenant: str, pictures: Sequence[str]) -> EmbeddingsRequest:
        """Return the payload of the task.

        Args:
            tenant: The owner of the images.
            pictures: The ids of the uploaded pictures, embedded after the inputs.

        Raises:
            Unprocessable: There is nothing to embed.
        """
        inputs = [Input(text=each.text, image_id=each.image_id) for each in self.inputs]
        inputs += [Input(picture=picture) for picture in pictures]
        if not inputs:
            detail = "There is nothing to embed; give at least one text or image_id"
            raise Unprocessable(f"{detail}.", [{"field": "inputs", "detail": detail}])
        return EmbeddingsRequest(tenant=tenant, inputs=inputs)

    def field(self, index: int) -> str:
        """Return the name of an input in errors: a field of the body, or a part of the form."""
        if index >= len(self.inputs):
            return f"file.{index - len(self.inputs)}"
        return f"inputs.{index}.{'text' if self.inputs[index].image_id is None else 'image_id'}"


@dataclass(slots=True)
class Embeddings(Answer):
    """Embeddings, in the order of the inputs."""

    model: str
    revision: str
    dimension: Annotated[int, Field(ge=1)]
    encoding_format: EncodingFormat
    # Each of unit length.
    embeddings: list[list[float]] | list[str]
    took_ms: float

    @classmethod
    def of(cls, result: EmbeddingsResult, body: EmbeddingsBody) -> Embeddings:
        """Build the response model.

        Raises:
            InputFailed: An input has no embedding; the error names each such input.
        """
        if result.failures:
            errors = [
                {"field": body.field(each.index), "detail": each.detail} for each in result.failures
            ]
            raise InputFailed(result.failures[0].code, errors)
        is_text = body.encoding_format == "base64"
        embeddings = result.embeddings
        return cls(
            model=result.model,
            revision=result.revision,
            dimension=result.dimension,
            encoding_format=body.encoding_format,
            embeddings=embeddings if is_text else [_numbers(each) for each in embeddings],
            took_ms=result.took_ms,
        )


def _numbers(encoded: str) -> list[float]:
    """Return an embedding's numbers with the nine digits that identify a float32."""
    data = base64.b64decode(encoded)
    return [float(f"{number:.9g}") for number in struct.unpack(f"<{len(data) // 4}f", data)]
