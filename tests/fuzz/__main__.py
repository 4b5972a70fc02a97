"""Fuzz one target with one engine, or repeat one case.

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
    """Run the engine that the command line selects."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("engine", choices=("rounds", "coverage", "again"))
    parser.add_argument("--budget-s", type=float, default=0.0, help="0: one round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="an empty folder for the inputs to keep")
    parser.add_argument("--input", help="an input of the coverage engine, in base64")
    arguments = parser.parse_args()
    if arguments.engine == "rounds":
        run_rounds(arguments.target, arguments.budget_s, arguments.seed)
    elif arguments.engine == "coverage":
        run_coverage(arguments.target, arguments.budget_s, arguments.seed, arguments.folder)
    else:
        taker(load(arguments.target))(base64.b64decode(arguments.input))


if __name__ == "__main__":
    main()
