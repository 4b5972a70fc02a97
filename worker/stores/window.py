"""How deep a search can be paged into."""

from __future__ import annotations

from common.errors import Unprocessable

# Offset and limit of one search together, at most: Milvus's topK limit.
WINDOW_MAX = 16_384


def check_window(limit: int, offset: int) -> None:
    """Refuse a page that lies too deep.

    Raises:
        Unprocessable: The page ends behind what a search returns at most.
    """
    if limit < 1 or offset < 0 or limit + offset > WINDOW_MAX:
        raise Unprocessable(
            f"A search returns its best {WINDOW_MAX} hits at most; ask for a lower offset.",
            [{"field": "offset", "detail": f"offset and top_k together exceed {WINDOW_MAX}"}],
        )
