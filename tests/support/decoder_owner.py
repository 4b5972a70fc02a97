"""Starts two decoder processes, prints their ids, and waits to be killed.

python -m tests.support.decoder_owner BLOBS_DIR
"""

from __future__ import annotations

import sys
import time
from multiprocessing import active_children

from common.settings import load_settings
from worker.decoders.process import Preprocessing, Recipe
from worker.decoders.processes import DecoderProcesses
from worker.encoders.hashing import HashingEncoder

if __name__ == "__main__":
    settings = load_settings({"GLIMPSE_BLOBS_DIR": sys.argv[1]})
    recipe = Recipe(settings, Preprocessing.of(HashingEncoder()))
    decoders = DecoderProcesses(2, recipe, 8 * 8 * 3, attempts_max=1)
    sys.stdout.write(" ".join(str(child.pid) for child in active_children()) + "\n")
    sys.stdout.flush()
    time.sleep(600)
