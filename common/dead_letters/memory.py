"""Dead letters in this process's memory: the complete fake for tests."""

from __future__ import annotations

from collections.abc import Sequence

from common.cursors import read_cursor
from common.dead_letters.base import DeadLetter, cursor_of
from common.errors import NotFound


class MemoryDeadLetters:
    """Dead letters that last as long as the object."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, str], DeadLetter] = {}

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep letters."""
        self._letters |= {(letter.tenant, letter.id): letter for letter in letters}

    def get(self, tenant: str, image_id: str) -> DeadLetter:
        """Return a letter."""
        try:
            return self._letters[tenant, image_id]
        except KeyError:
            raise NotFound(f"There is no dead letter {image_id}.") from None

    def remove(self, tenant: str, image_id: str, job_id: str | None = None) -> bool:
        """Remove a letter, or only that of one job."""
        letter = self._letters.get((tenant, image_id))
        if letter is None or job_id not in (None, letter.job_id):
            return False
        del self._letters[tenant, image_id]
        return True

    def count(self) -> int:
        """Return how many letters there are, of all tenants together."""
        return len(self._letters)

    def page(
        self, tenant: str, limit: int, cursor: str | None = None
    ) -> tuple[list[DeadLetter], str | None]:
        """Return letters of a tenant, the newest first."""
        newest = sorted(
            (letter for letter in self._letters.values() if letter.tenant == tenant),
            key=lambda letter: (letter.at, letter.id),
            reverse=True,
        )
        if cursor is not None:
            last = read_cursor(cursor)
            newest = [letter for letter in newest if (letter.at, letter.id) < last]
        shown = newest[:limit]
        return shown, cursor_of(shown[-1]) if len(newest) > limit else None
