"""The search window: how deep a search can be paged."""

from __future__ import annotations

from common.errors import Unprocessable

# Maximum of offset + limit: Milvus's topK limit.
WINDOW_MAX = 16_384


def check_window(limit: int, offset: int) -> None:
    """Check that a page is within the search window.

    Raises:
        Unprocessable: The page ends after the last hit that a search can return.
    """
    if limit < 1 or offset < 0 or limit + offset > WINDOW_MAX:
        raise Unprocessable(
            f"A search returns at most {WINDOW_MAX} hits; use a lower offset.",
            [{"field": "offset", "detail": f"offset and top_k together exceed {WINDOW_MAX}"}],
        )
