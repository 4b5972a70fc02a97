"""Headers with a caller's text, which need not be one that a header can have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from glimpse_client.errors import InvalidHeader

# Printable ASCII, with spaces only in between.
_VALUE = re.compile(r"[!-~]+( +[!-~]+)*")
# What a caller calls the text in a header.
_NAMES = {"Authorization": "The API key (GLIMPSE_API_KEY)", "Idempotency-Key": "idempotency_key"}


def checked(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers that can be sent.

    Raises:
        InvalidHeader: A value has a character that no header can have. It is not repeated,
            because it may be secret.
    """
    for header, value in headers.items():
        if not _VALUE.fullmatch(value):
            raise InvalidHeader(
                f"{_NAMES.get(header, header)} has a character that cannot be sent: use letters,"
                " digits and signs of ASCII, and neither line breaks nor spaces at its ends."
            )
    return dict(headers)
