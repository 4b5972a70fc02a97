"""Lists rows in any order, although Milvus cannot sort.

A query for keys that finds too many returns some of them. The first ``count`` keys of all rows
cannot come after the ``count``-th of any of them, so the next query asks only for rows up to that
key, until all of these fit into one query. Milvus returns rows by id, which is a hash, so the keys
are a random sample: each query leaves about ``count`` of ``ROWS_MAX`` of the rows before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worker.stores.milvus.schema import stored_name
from worker.stores.milvus.syntax import NOTHING, Dialect, end_of, literal
from worker.stores.order import NAME_CHARACTERS, Key, Order

# Maximum rows whose keys one query returns; about 100 bytes each, and more with names.
ROWS_MAX = 4096
# True for every row that has a time, in milliseconds since 1970: none is that early.
_TAKEN = f"taken_at > {-(10**14)}"
# How often a page reads this many rows, to find rows without a value.
_SCANS, _SCANNED = 8, ROWS_MAX // 2

# Returns keys of rows that match an expression, in any order, up to a limit.
FindKeys = Callable[[str, int], list[Key]]


def in_order(
    find: FindKeys, order: Order, dialect: Dialect, count: int, after: Key | None
) -> tuple[list[Key], Key | None]:
    """Return keys in order, and the key to continue after; None if there are no more.

    Args:
        find: Queries Milvus.
        order: Their order.
        dialect: What the Milvus can express.
        count: Maximum number of keys; fewer may be returned although there are more.
        after: Return only keys after this one.
    """
    keys: list[Key] = []
    stopped: Key | None = None
    # One key beyond the page shows whether another page follows.
    wanted = count + 1
    has_all = order.field != "taken_at"
    if after is None or after[0] is not None:
        keys = _first(find, _Range(order, "" if has_all else _TAKEN), wanted, after)
        after = None
    if not has_all and len(keys) < wanted:
        rest, stopped = _without(find, order, dialect, wanted - len(keys), after)
        keys += rest
    return keys[:count], keys[count - 1] if len(keys) > count else stopped


def _without(
    find: FindKeys, order: Order, dialect: Dialect, count: int, after: Key | None
) -> tuple[list[Key], Key | None]:
    """Return keys without a value, and the key at which it gave up looking for more."""
    # If Milvus cannot say "missing", read all rows and pass over the others.
    is_exact = dialect.has_not and dialect.negates_missing
    rows = _Range(order, f"(not ({_TAKEN}))" if is_exact else "")
    valued: set[str] = set()

    def find_ids(within: str, limit: int) -> list[Key]:
        found = find(within, limit)
        valued.update(image_id for value, image_id in found if value is not None)
        return [(None, image_id) for _, image_id in found]

    keys: list[Key] = []
    for _ in range(_SCANS):
        found = _first(find_ids, rows, _SCANNED, after)
        keys += [key for key in found if key[1] not in valued]
        if len(keys) >= count or len(found) < _SCANNED:
            return keys[:count], None
        after = found[-1]
    return keys, after


@dataclass(frozen=True, slots=True)
class _Range:
    """Expressions for the rows between two keys.

    Attributes:
        order: The order.
        within: Limits it to the rows that match this expression.
    """

    order: Order
    within: str

    def between(self, after: Key | None, last: Key | None) -> str:
        """Return the expression for the rows after a key, up to and including another one."""
        parts = [self.within] if self.within else []
        if after is not None:
            parts.append(self._beyond(after, ">", descending=self.order.descending))
        if last is not None:
            parts.append(self._beyond(last, "<=", descending=not self.order.descending))
        return " and ".join(parts)

    def _beyond(self, key: Key, comparison: str, *, descending: bool) -> str:
        """Return the expression for rows with a value beyond, or with this one and such an id."""
        value, image_id = key
        ids = f"image_id {comparison} {literal(image_id)}"
        if value is None:
            return ids
        field, low = stored_name(self.order.field), literal(value)
        same, above = f"{field} == {low}", f"{field} > {low}"
        if isinstance(value, str) and len(value) == NAME_CHARACTERS:
            # The value is the beginning of longer names.
            end = end_of(value)
            above = NOTHING.text if end is None else f"{field} >= {literal(end)}"
            same = f"{field} >= {low}" + ("" if end is None else f" and {field} < {literal(end)}")
        return f"({f'{field} < {low}' if descending else above} or ({same} and {ids}))"


def _first(find: FindKeys, rows: _Range, count: int, after: Key | None) -> list[Key]:
    """Return the first ``count`` keys after a key, or all if there are fewer."""
    keys: list[Key] = []
    last: Key | None = None
    while len(keys) < count:
        found = rows.order.arranged(find(rows.between(after, last), ROWS_MAX + 1))
        if len(found) > ROWS_MAX:
            last = found[count - 1]
            continue
        keys += found
        if last is None:
            break
        # Rows up to it may have been deleted since.
        after, last = last, None
    return keys[:count]
