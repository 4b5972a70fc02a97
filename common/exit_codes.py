"""Exit statuses of a worker that cannot start; the values are those of sysexits.h.

Restarting it does not help: whoever supervises workers should stop at these statuses.
"""

from __future__ import annotations

from common.errors import GlimpseError, SetupError, WeightsUnavailable

# The model's weights were not found in any location (EX_UNAVAILABLE).
WEIGHTS_UNAVAILABLE = 69
# A setting is invalid, a package is missing, or the collection is of another model (EX_CONFIG).
MISCONFIGURED = 78

# Statuses after which a worker must not be restarted.
PERMANENT = frozenset({WEIGHTS_UNAVAILABLE, MISCONFIGURED})


def status_of(error: GlimpseError) -> int:
    """Return the exit status of a worker that ends with an error."""
    if isinstance(error, WeightsUnavailable):
        return WEIGHTS_UNAVAILABLE
    return MISCONFIGURED if isinstance(error, SetupError) else 1
