"""One part of the stack: a program to run, and how to check that it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """A process that `glimpse up` starts, watches and stops."""

    # Unique in the stack; the prefix of its lines in the log.
    name: str
    # Program and arguments; it stays in the foreground and ends on SIGTERM.
    argv: Sequence[str]
    # Variables in addition to those that all parts share.
    env: Mapping[str, str]
    # Working directory.
    cwd: Path
    # Parts of one tier start and stop together; lower tiers start first and stop last.
    tier: int
    # Seconds it has to end after SIGTERM before it is killed.
    stop_s: float
    # Returns whether it answers; None where something else waits for it, as readiness does.
    answers: Callable[[], Awaitable[bool]] | None = None
