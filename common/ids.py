"""What ids look like: lower-case hexadecimal digits, as many as each kind has."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

# An image's is the SHA-256 of its bytes; a job's, a search's and a key's are random.
IMAGE_ID_DIGITS, RECORD_ID_DIGITS, KEY_ID_DIGITS = 64, 32, 16

# Regular expressions of one id, without anchors.
IMAGE_ID = f"[0-9a-f]{{{IMAGE_ID_DIGITS}}}"
RECORD_ID = f"[0-9a-f]{{{RECORD_ID_DIGITS}}}"
KEY_ID = f"[0-9a-f]{{{KEY_ID_DIGITS}}}"

ImageId = Annotated[str, StringConstraints(pattern=f"^{IMAGE_ID}$")]
# The id of a job or a search.
RecordId = Annotated[str, StringConstraints(pattern=f"^{RECORD_ID}$")]
