"""Translates filters into Milvus expressions."""

from __future__ import annotations

from collections.abc import Sequence

from common.filters.model import Filter
from worker.stores.milvus.conditions import Conditions
from worker.stores.milvus.syntax import Dialect, Operator, Scope, combined, listed, literal


def expression(tenant: str) -> str:
    """Return the expression for all rows of a tenant."""
    return f"tenant == {literal(tenant)}"


def scope_of(tenant: str, wanted: Filter | None, dialect: Dialect) -> Scope:
    """Return a tenant's rows that match a filter.

    The tenant's condition comes first, joined to all others by ``and``.

    Args:
        tenant: The rows' owner.
        wanted: The filter.
        dialect: What the Milvus can express.
    """
    own = expression(tenant)
    if wanted is None:
        return Scope(own)
    rest = _matching(wanted, dialect, negated=False)
    return Scope(f"{own} and {rest.text}" if rest.text else own, rest.exact)


def other_than(ids: Sequence[str]) -> str:
    """Return the expression for images with none of these ids."""
    return f"image_id not in {listed(ids)}"


def ids_with(prefix: str) -> str:
    """Return the expression for all tenants' rows whose image ids begin with hexadecimal digits."""
    # No digit sorts after "f".
    return f'image_id >= "{prefix}" and image_id < "{prefix}g"'


def _matching(wanted: Filter, dialect: Dialect, *, negated: bool) -> Scope:
    """Return the rows that match a filter, or those that do not.

    A negation is passed on to the single conditions, because not every Milvus has ``not``, and not
    every one means the complement by it.
    """
    every: Operator = "or" if negated else "and"
    either: Operator = "and" if negated else "or"
    conditions = Conditions(dialect, negated=negated)
    scopes = [
        scope
        for name, condition in wanted.conditions.items()
        for scope in conditions.scopes(name, condition)
    ]
    scopes += [_matching(each, dialect, negated=negated) for each in wanted.all_of or ()]
    if wanted.any_of is not None:
        options = [_matching(each, dialect, negated=negated) for each in wanted.any_of]
        scopes.append(combined(either, options))
    if wanted.negated is not None:
        scopes.append(_matching(wanted.negated, dialect, negated=not negated))
    return combined(every, scopes)
