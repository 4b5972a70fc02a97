"""The model of the peers is the same in every format."""

from __future__ import annotations

from pathlib import Path

import clip
import pytest
import torch
from transformers import CLIPModel, CLIPTokenizer

from benchmarks.peers.checkpoints import save_for_transformers
from tests.support.clip_weights import SMALL, random_clip

TEXTS = ["a white dog", "Ein Café, 3 naïve façades!"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_for_transformers(random_clip(SMALL), SMALL, tmp_path / "saved")
    return tmp_path / "saved"


def test_transformers_computes_the_same_vectors(folder: Path) -> None:
    ours, theirs = random_clip(SMALL), CLIPModel.from_pretrained(folder).eval()
    pixels, tokens = torch.rand(2, 3, 64, 64), clip.tokenize(TEXTS)
    with torch.inference_mode():
        images = theirs.get_image_features(pixel_values=pixels).pooler_output
        texts = theirs.get_text_features(input_ids=tokens).pooler_output
        torch.testing.assert_close(images, ours.encode_image(pixels))
        torch.testing.assert_close(texts, ours.encode_text(tokens))


def test_transformers_reads_the_same_tokens(folder: Path) -> None:
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    for text, expected in zip(TEXTS, clip.tokenize(TEXTS), strict=True):
        numbers = tokenizer(text)["input_ids"]
        assert numbers == expected[: len(numbers)].tolist()
        assert not expected[len(numbers) :].any()
