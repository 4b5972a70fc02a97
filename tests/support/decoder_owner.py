"""Decodes in processes until it is killed.

    python -m tests.support.decoder_owner BLOBS_DIR IMAGE

It prints the ids of its two processes first. One of them then decodes IMAGE, which takes forever.
"""

from __future__ import annotations

import sys
from multiprocessing import active_children

from common.settings import load_settings
from tests.support.mortal_decoders import MortalPreprocessor
from worker.decoders.process import Preprocessing, Recipe
from worker.decoders.processes import DecoderProcesses
from worker.pixel_budget import PixelBudget, Room

if __name__ == "__main__":
    settings = load_settings({"GLIMPSE_BLOBS_DIR": sys.argv[1]})
    recipe = Recipe(settings, Preprocessing.of(MortalPreprocessor()))
    decoders = DecoderProcesses(2, recipe, 8 * 8 * 3)
    sys.stdout.write(" ".join(str(child.pid) for child in active_children()) + "\n")
    sys.stdout.flush()
    decoders.prepare("default", sys.argv[2], Room(PixelBudget()))
