"""glibc's allocator: freed memory is kept while a worker is busy, and returned when it is idle.

By default glibc returns each large buffer at once, and the next batch faults its pages in again.
And each thread keeps free memory in an arena of its own, so that a worker's memory grows with its
decoders. Other C libraries are left alone.
"""

from __future__ import annotations

import ctypes

# Parameters of mallopt, from malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# Bytes of free memory, and of a buffer, above which glibc still returns them at once. Larger values
# save little more time, and cost memory.
_THRESHOLD = 128 * 2**20


def keep_freed_memory() -> bool:
    """Keep freed memory for all threads, in one arena; return whether the C library can.

    Call it before any other thread starts.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(
        mallopt(_M_ARENA_MAX, 1)
        and mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
        and mallopt(_M_TRIM_THRESHOLD, _THRESHOLD)
    )


def return_freed_memory() -> None:
    """Return freed memory to the system; it takes milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
