"""The engine that follows coverage: atheris, which is libFuzzer, over the same targets.

Bytes that it invents are read in two ways, by their first one: as choices of
Hypothesis, which make a case that knows the format, or as the case itself.
"""

from __future__ import annotations

import base64
import platform
import random
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings

from tests.fuzz.target import BYTES_MAX, Target, load

# The packages that are watched: ours. What they stand on is run, and not followed.
_WATCHED = ["api", "common", "worker"]

# First bytes of an input, by how the rest is read.
_AS_IT_IS, _AS_CHOICES = b"\x00", b"\x01"

# Seconds after which one input counts as endless: it would take a thousandth.
_INPUT_S_MAX = 60

# MiB of memory that fuzzing may take.
_MEMORY_MIB_MAX = 3072

# Inputs of choices that the corpus begins with, and bytes of each.
_CHOICES, _CHOICES_BYTES = 30, 1024


def has_wheel() -> bool:
    """Tell whether atheris 3.0.0 is published for this Python and machine; see pyproject.toml."""
    return (
        sys.platform == "linux"
        and platform.machine() == "x86_64"
        and sys.implementation.name == "cpython"
        and (3, 11) <= sys.version_info < (3, 14)
    )


def run_coverage(name: str, budget_s: float, seed: int, folder: Path) -> None:
    """Fuzz until time is up, and end the process; its code is 0 where nothing was found.

    Args:
        name: Of the target.
        budget_s: Seconds.
        seed: What chance begins with.
        folder: Where inputs that reached new code are kept, and one that failed.
    """
    import atheris

    with atheris.instrument_imports(include=_WATCHED):
        target = load(name)
    take = taker(target)

    def one_input(data: bytes) -> None:
        try:
            take(data)
        except BaseException:
            text = base64.b64encode(data).decode()
            print(f"The same again: make fuzz-again TARGET={name} INPUT={text}", flush=True)
            raise

    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(_corpus(target, seed)):
        (corpus / str(number)).write_bytes(data)
    options = {
        "max_total_time": max(1, round(budget_s)),
        "seed": seed,
        "timeout": _INPUT_S_MAX,
        "rss_limit_mb": _peak_mib() + _MEMORY_MIB_MAX,
        "max_len": BYTES_MAX,
        # Long inputs from the start: a tar is as long as its blocks.
        "len_control": 0,
        "artifact_prefix": f"{folder}/",
        "print_final_stats": 1,
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus)],
        one_input,
    )
    atheris.Fuzz()


def taker(target: Target) -> Callable[[bytes], None]:
    """Return what tries one input of this engine."""

    def check(case: object) -> None:
        target.check(case)

    by_choices = settings(database=None, deadline=None)(given(case=target.all_cases())(check))

    def take(data: bytes) -> None:
        way, rest = data[:1], data[1:]
        if way and way[0] % 2:
            by_choices.hypothesis.fuzz_one_input(rest)
        else:
            target.check(target.read(rest))

    return take


def _corpus(target: Target, seed: int) -> list[bytes]:
    draw = random.Random(seed)
    choices = [_AS_CHOICES + draw.randbytes(_CHOICES_BYTES) for _ in range(_CHOICES)]
    return [_AS_IT_IS + data for data in target.seeds] + choices


def _peak_mib() -> int:
    """Return the most memory so far, which a process begins with as its parent's."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
