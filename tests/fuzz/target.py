"""A target: the code to fuzz, its cases, and the properties to check."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.chances import mostly
from tests.support.damage import DAMAGE, damaged

# Each is a module of this package. They are imported on demand, since the coverage-guided engine
# must be imported before the code that it instruments.
NAMES = ("uploads", "filters", "archives", "pictures", "photo_info")

# Maximum size of a raw case in bytes; longer ones show the parsers nothing new.
BYTES_MAX = 8192


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to fuzz."""

    # Tries one case; raises if a property is violated.
    check: Callable[[Any], None]
    # Structured cases, valid and malicious.
    cases: st.SearchStrategy[Any]
    # Makes a case from arbitrary bytes.
    read: Callable[[bytes], Any]
    # Valid cases as bytes for ``read``, built in code.
    seeds: tuple[bytes, ...]

    def all_cases(self) -> st.SearchStrategy[Any]:
        """Return structured cases, damaged valid cases, and noise."""
        good = st.integers(0, len(self.seeds) - 1).map(self.seeds.__getitem__)
        broken = st.builds(damaged, good, st.lists(DAMAGE, max_size=4))
        noise = st.binary(max_size=BYTES_MAX)
        # Deferred, since errors print the whole strategy, which is megabytes long.
        return st.deferred(lambda: mostly(self.cases, (broken | noise).map(self.read)))


def load(name: str) -> Target:
    """Import a target by name."""
    target: Target = importlib.import_module(f"tests.fuzz.{name}").TARGET
    return target
