"""A worker of a second model, which logs the pictures that it embeds.

The model is the shipped hashing encoder with another name and longer vectors. The variable
``SECOND_QUEUE`` names the queue; the rest is as for ``tests.support.slow_worker``.
"""

from __future__ import annotations

import logging
import os
import sys

from common.settings import load_settings
from tests.support.slow_worker import SlowEncoder
from worker.runtime.serve import serve


class SecondEncoder(SlowEncoder):
    """The hashing encoder under another name."""

    name = "second"
    dimensions = 96


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    queue = os.environ["SECOND_QUEUE"]
    encoder = SecondEncoder.from_environment()
    serve(load_settings(), queue, f"{queue}@second.{os.getpid()}", encoder)
