"""Ids: lower-case hexadecimal digits, with a fixed length for each kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

# An image's id is the SHA-256 of its bytes; the ids of jobs, searches and keys are random.
IMAGE_ID_DIGITS, RECORD_ID_DIGITS, KEY_ID_DIGITS = 64, 32, 16

# Regular expressions of a single id, without anchors.
IMAGE_ID = f"[0-9a-f]{{{IMAGE_ID_DIGITS}}}"
RECORD_ID = f"[0-9a-f]{{{RECORD_ID_DIGITS}}}"
KEY_ID = f"[0-9a-f]{{{KEY_ID_DIGITS}}}"

ImageId = Annotated[str, StringConstraints(pattern=f"^{IMAGE_ID}$")]
# The beginning of an image's id.
IdPrefix = Annotated[str, StringConstraints(pattern=f"^[0-9a-f]{{1,{IMAGE_ID_DIGITS}}}$")]
# The id of a job or a search.
RecordId = Annotated[str, StringConstraints(pattern=f"^{RECORD_ID}$")]
