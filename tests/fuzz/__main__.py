"""Fuzz one target with one engine, or try one case again.

python -m tests.fuzz archives rounds --budget-s 60 --seed 7
python -m tests.fuzz archives coverage --budget-s 60 --seed 7 --folder EMPTY
python -m tests.fuzz archives again --input AFBLAwQ...
"""

from __future__ import annotations

import argparse
import base64
from pathlib import Path

from tests.fuzz.coverage import run_coverage, taker
from tests.fuzz.rounds import run_rounds
from tests.fuzz.target import NAMES, load


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("engine", choices=("rounds", "coverage", "again"))
    parser.add_argument("--budget-s", type=float, default=0.0, help="0: one round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="an empty one, for what coverage keeps")
    parser.add_argument("--input", help="one of coverage's, in base64")
    asked = parser.parse_args()
    if asked.engine == "rounds":
        run_rounds(asked.target, asked.budget_s, asked.seed)
    elif asked.engine == "coverage":
        run_coverage(asked.target, asked.budget_s, asked.seed, asked.folder)
    else:
        taker(load(asked.target))(base64.b64decode(asked.input))


if __name__ == "__main__":
    main()
