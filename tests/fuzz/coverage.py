"""The coverage-guided engine: atheris, which is based on libFuzzer, on the same targets.

The first byte of a generated input selects how to read the rest: as choices of Hypothesis,
which produce a structured case, or as the case itself.
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

# The packages to instrument: the project's own, not their dependencies.
_WATCHED = ["api", "common", "worker"]

# First byte of an input, which selects how to read the rest.
_AS_IT_IS, _AS_CHOICES = b"\x00", b"\x01"

# Timeout of one input in seconds; normally an input takes a thousandth of it.
_INPUT_S_MAX = 60

# MiB of memory that fuzzing may use.
_MEMORY_MIB_MAX = 3072

# Number of random choice inputs in the initial corpus, and bytes of each.
_CHOICES, _CHOICES_BYTES = 30, 1024


def has_wheel() -> bool:
    """Return whether atheris 3.0.0 has a wheel for this Python and machine; see pyproject.toml."""
    return (
        sys.platform == "linux"
        and platform.machine() == "x86_64"
        and sys.implementation.name == "cpython"
        and (3, 11) <= sys.version_info < (3, 14)
    )


def run_coverage(name: str, budget_s: float, seed: int, folder: Path) -> None:
    """Fuzz until time is up, and exit the process, with status 0 if nothing was found.

    Args:
        name: Name of the target.
        budget_s: Time limit in seconds.
        seed: Random seed.
        folder: Receives inputs that reached new code, and an input that failed.
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
        # Long inputs from the start: even a small tar takes several blocks.
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
    """Return a function that tries one input of this engine."""

    def check(case: object) -> None:
        target.check(case)

    by_choices = settings(database=None, deadline=None)(given(case=target.all_cases())(check))

    def take(data: bytes) -> None:
        mode, rest = data[:1], data[1:]
        if mode and mode[0] % 2:
            by_choices.hypothesis.fuzz_one_input(rest)
        else:
            target.check(target.read(rest))

    return take


def _corpus(target: Target, seed: int) -> list[bytes]:
    draw = random.Random(seed)
    choices = [_AS_CHOICES + draw.randbytes(_CHOICES_BYTES) for _ in range(_CHOICES)]
    return [_AS_IT_IS + data for data in target.seeds] + choices


def _peak_mib() -> int:
    """Return the peak memory so far, which a process inherits from its parent."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
