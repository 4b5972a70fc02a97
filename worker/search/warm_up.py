"""Warm-up: runs slow first calls before the first search arrives."""

from __future__ import annotations

import logging

from PIL import Image

from common.contract import DEFAULT_TENANT
from common.errors import ServiceError
from worker.encoders.base import Encoder
from worker.stores.base import VectorStore

log = logging.getLogger(__name__)

# Words of the longest sentence: torch plans separately for each length; most texts are shorter.
_WORDS_MAX = 16
# The default number of hits of a search.
_TOP_K = 10


def warm_up(encoder: Encoder, store: VectorStore) -> None:
    """Embed sentences of all usual lengths and a picture, and search once.

    If the store is unavailable, the worker starts anyway.

    Raises:
        EncoderError: The model cannot run, so the worker must not take tasks.
    """
    for words in range(1, _WORDS_MAX + 1):
        vector = encoder.encode_texts([" ".join(["photo"] * words)])[0]
    encoder.encode_images([encoder.preprocess(Image.new("RGB", (64, 64), "gray"))])
    try:
        # The first search of a connection is slow, and may load the rows into memory.
        store.search(DEFAULT_TENANT, vector, _TOP_K)
    except ServiceError as error:
        log.warning("search.cold %s", error)
