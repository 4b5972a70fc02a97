"""The garbage collector ignores what existed, and finds what comes later."""

from __future__ import annotations

import subprocess
import sys

# Prints which of three cycles of objects are gone: one that was garbage before, one that existed,
# and one that came later.
PROGRAM = """
import gc, weakref
from common.garbage import ignore_what_exists

class Cycle:
    def __init__(self):
        self.me = self

gc.disable()
garbage = weakref.ref(Cycle())
kept = Cycle()
existed = weakref.ref(kept)
ignore_what_exists()
later = weakref.ref(Cycle())
del kept
gc.collect()
print([each() is None for each in (garbage, existed, later)])
"""


def test_what_existed_is_ignored() -> None:
    out = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True).stdout
    assert out == b"[True, False, True]\n"
