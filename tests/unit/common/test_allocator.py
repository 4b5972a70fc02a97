"""The allocator: threads share one arena, and freed memory is returned on request."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Fills and frees memory in threads, all but one small piece in each; prints the process's MiB
# before, then, and once returned, and the number of arenas.
PROGRAM = """
import ctypes, tempfile, threading
from common.allocator import keep_freed_memory, return_freed_memory

def mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 // 2**20

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def work():
    pieces = [libc.malloc(100_000) for _ in range(320)]
    for piece in pieces:
        ctypes.memset(piece, 1, 100_000)
    libc.malloc(10)
    for piece in pieces:
        libc.free(piece)

assert keep_freed_memory()
print(mib())
for _ in range(4):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
print(mib())
return_freed_memory()
print(mib())
libc.fopen.restype, libc.malloc_info.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
with tempfile.NamedTemporaryFile() as file:
    stream = libc.fopen(file.name.encode(), b"w")
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().count(b"<heap nr"))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_an_arena_whose_free_memory_is_returned() -> None:
    out = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True).stdout
    before, kept, returned, arenas = map(int, out.split())
    assert kept >= before + 20
    assert returned <= kept - 20
    assert arenas == 1
