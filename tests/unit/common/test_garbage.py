"""The garbage collector ignores what existed or was imported, and finds what comes later."""

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


# Prints how often Python looks for garbage while a program imports, and how many objects it looks
# through at the end.
IMPORTING = """
import atexit, gc
from common.garbage import imports_ignored

atexit.register(lambda: print(len(gc.get_objects())))
looks = []
with imports_ignored():
    gc.callbacks.append(lambda phase, _: looks.append(phase))
    import cli.main
    gc.callbacks.clear()
print(looks, gc.isenabled())
"""


def test_imports_are_ignored() -> None:
    out = subprocess.run([sys.executable, "-c", IMPORTING], check=True, capture_output=True).stdout
    looks, objects = out.decode().splitlines()
    assert looks == "[] True"
    assert int(objects) < 100
