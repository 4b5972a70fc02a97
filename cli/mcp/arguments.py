"""The tools' arguments: their bounds, and their descriptions for the model."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from common.ids import IMAGE_ID_DIGITS

# Bytes of a picture in an argument; a larger one has to be scaled down, which loses nothing, since
# models see pictures at a few hundred pixels.
PICTURE_BYTES_MAX = 2 * 1024 * 1024

_ID = Annotated[str, Field(pattern=f"^[0-9a-f]{{{IMAGE_ID_DIGITS}}}$")]

ImageId = Annotated[_ID, Field(description="Id of an indexed image.")]
LikeImages = Annotated[
    Sequence[_ID], Field(max_length=8, description="Ids of indexed images; finds images like them.")
]
TaggedImages = Annotated[
    Sequence[_ID], Field(min_length=1, max_length=100, description="Ids of the images to change.")
]
Words = Annotated[
    str,
    Field(
        max_length=2000,
        description='What the pictures show, as a caption would say it: "a white dog on a beach".',
    ),
]
Picture = Annotated[
    str | None,
    Field(
        max_length=PICTURE_BYTES_MAX * 4 // 3 + 4,
        description="A picture in base64 (JPEG, PNG, WebP or another format; up to 2 MiB before"
        " encoding); finds images like it.",
    ),
]
PictureFile = Annotated[
    str | None,
    Field(description="Path of a picture file on the user's machine; finds images like it."),
]
MinScore = Annotated[
    float | Literal["auto"] | None,
    Field(
        description='Minimum score of a hit, -1 to 1. "auto" leaves out hits below the'
        " noise_threshold, and fails with no_threshold if the model has none."
    ),
]
HitsMax = Annotated[int, Field(ge=1, le=50, description="Maximum number of hits.")]
ImagesMax = Annotated[int, Field(ge=1, le=100, description="Maximum number of images.")]
TagsMax = Annotated[int, Field(ge=1, le=200, description="Maximum number of tags.")]
Pixels = Annotated[int, Field(ge=16, le=1024, description="Longest side in pixels.")]
Tags = Annotated[Sequence[str], Field(max_length=64)]
Filter = Annotated[
    dict[str, Any] | None,
    Field(
        description="""\
Conditions that an image must all meet, such as {"tags": {"any": ["dog"], "none": ["draft"]}, \
"width": {"gte": 640}, "taken_at": {"gte": "2025-01-01T00:00:00Z"}, "not": {"camera": {"prefix": \
"Canon"}}}. Fields and operators: tags (any, all, none); width, height, bytes (eq, in, gt, gte, \
lt, lte); taken_at, indexed_at (gt, gte, lt, lte; RFC 3339); filename (eq, in, prefix, contains); \
format (eq, in: JPEG, PNG, …); camera (eq, in, prefix); near ({"latitude": 48.14, "longitude": \
11.58, "km": 5}); metadata.KEY (eq, in, gt, gte, lt, lte, contains); and, or (lists of filters); \
not (a filter)."""
    ),
]


def decoded(picture: str) -> bytes:
    """Return the bytes of a picture in base64.

    Raises:
        ToolError: It is not base64.
    """
    # Models are used to data URLs.
    encoded = picture.partition("base64,")[2] if picture.startswith("data:") else picture
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ToolError(f"picture is not base64: {error}.") from error
