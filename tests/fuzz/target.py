"""A target: what is fuzzed, what it is given, and what it must keep to."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.chances import mostly
from tests.support.damage import DAMAGE, damaged

# Each is a module of this package. They are imported when they are asked for, since the
# coverage-guided engine must be there before the code that it watches.
NAMES = ("uploads", "filters", "archives")

# Bytes of a case that is nothing but bytes, at most: past that the parsers see nothing new.
BYTES_MAX = 8192


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to fuzz."""

    # Tries one case; raises where a promise is broken.
    check: Callable[[Any], None]
    # Cases that know the format, and what is bad in it.
    cases: st.SearchStrategy[Any]
    # Makes a case of any bytes.
    read: Callable[[bytes], Any]
    # Good cases, as bytes for ``read``; they are made by code.
    seeds: tuple[bytes, ...]

    def all_cases(self) -> st.SearchStrategy[Any]:
        """Return those that know the format, good ones with damage, and plain noise."""
        good = st.integers(0, len(self.seeds) - 1).map(self.seeds.__getitem__)
        hurt = st.builds(damaged, good, st.lists(DAMAGE, max_size=4))
        noise = st.binary(max_size=BYTES_MAX)
        # Deferred, or an error would show all that the strategies hold, which is megabytes.
        return st.deferred(lambda: mostly(self.cases, (hurt | noise).map(self.read)))


def load(name: str) -> Target:
    """Import a target by its name."""
    target: Target = importlib.import_module(f"tests.fuzz.{name}").TARGET
    return target
