"""One part of the stack: a program to run, and how to tell that it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """A process that `glimpse up` starts, watches and stops."""

    # Unique in the stack; it stands before each line of the log.
    name: str
    # Program and arguments; it stays in the foreground and ends on SIGTERM.
    argv: Sequence[str]
    # Variables beside those that all parts share.
    env: Mapping[str, str]
    # Where it runs.
    cwd: Path
    # Parts of one tier start and stop together; lower tiers start first and stop last.
    tier: int
    # Seconds it may take to end after SIGTERM before it is killed.
    stop_s: float
    # Tells whether it answers; None where readiness shows only in the whole stack's.
    answers: Callable[[], Awaitable[bool]] | None = None
