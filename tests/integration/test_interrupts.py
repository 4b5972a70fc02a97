"""Ctrl-C while a program is still importing its modules, which takes most of a short command."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Runs a program, and interrupts it as it imports a module.
_PROGRAM = """
import sys
from importlib import import_module

class Interrupter:
    def find_spec(self, name, *_):
        if name == sys.argv[2]:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupter())
sys.exit(import_module(sys.argv[1]).main())
"""


@pytest.mark.parametrize(
    ("program", "module", "status", "says"),
    [
        ("cli.__main__", "cli.main", 130, "Interrupted.\n"),
        ("cli.__main__", "glimpse_client.glimpse", 130, "Interrupted.\n"),
        ("worker.__main__", "worker.commands", 1, ""),
        ("worker.__main__", "common.settings", 1, ""),
    ],
)
def test_a_program_that_is_interrupted_as_it_starts_prints_no_traceback(
    program: str, module: str, status: int, says: str
) -> None:
    command = [sys.executable, "-c", _PROGRAM, program, module]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (status, says)
