"""glibc's allocator: threads share its arena, and a worker keeps freed memory while it is busy.

By default each thread keeps free memory in an arena of its own, so that a process's memory grows
with its threads. And glibc returns each large buffer at once, so that a worker's next batch faults
its pages in again. Other C libraries are left alone.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

# Parameters of mallopt, from malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# Bytes of free memory, and of a buffer, above which glibc still returns them at once. Larger values
# save little more time, and cost memory.
_THRESHOLD = 128 * 2**20


def share_arena() -> bool:
    """Let all threads allocate in one arena; return whether the C library can.

    Call it before any other thread starts. Child processes do the same.
    """
    return _set({_M_ARENA_MAX: 1})


def keep_freed_memory(size: int = _THRESHOLD) -> bool:
    """Keep up to ``size`` bytes of freed memory for all threads, in one arena.

    Call it before any other thread starts. Return whether the C library can.
    """
    return share_arena() and _set({_M_MMAP_THRESHOLD: size, _M_TRIM_THRESHOLD: size})


def _set(values: Mapping[int, int]) -> bool:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(*item) for item in values.items())


def return_freed_memory() -> None:
    """Return freed memory to the system; it takes milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
