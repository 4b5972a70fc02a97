"""open_clip models with seeded random weights, in folders that look like the hub's repositories.

Their architectures are those of open_clip's table, with fewer blocks and narrower texts: what
distinguishes them (pooling, masks, activations, position embeddings) is in each block.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models import register_model
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from common.settings import Settings
from tests.support import pictures
from worker.encoders.backends.torch import TorchBackend
from worker.encoders.compute import Compute
from worker.encoders.open_clip.loading import load_open_clip
from worker.encoders.two_tower import TwoTowerEncoder

# How each image tower of timm is made shallow.
_BLOCKS: dict[str, dict[str, Any]] = {
    "vit_pe_core_base_patch16_224": {"depth": 2},
    "vit_base_patch32_siglip_256": {"depth": 2},
    "eva02_base_patch16_clip_224": {"depth": 2},
    "convnext_base": {"depths": (1, 1, 2, 1)},
    "fastvit_mci0": {"layers": (1, 1, 1, 1)},
}

_SHALLOW = {"layers": 2, "width": 128, "heads": 2}

# Convolutions take pictures of any size, so these get small ones.
_SMALL_PICTURES = {"convnext_base", "fastvit_mci0"}

# What SigLIP's repositories ask for; other models leave it to open_clip's defaults.
SIGLIP_PREPROCESSING = {
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "squash",
}

# Sentences that the small tokenizer learns its vocabulary from.
_CORPUS = [
    "a white dog on green grass",
    "a photo of two red cars in the street",
    "ein weißer hund auf der wiese",
    "the long story of a small cat that sleeps in the sun",
] * 4


def shallow(architecture: str) -> dict[str, Any]:
    """Return an architecture of open_clip's table with few blocks."""
    configuration: dict[str, Any] = open_clip.get_model_config(architecture)
    configuration["text_cfg"].update(_SHALLOW)
    vision = configuration["vision_cfg"]
    if "timm_model_name" in vision:
        if vision["timm_model_name"] in _SMALL_PICTURES:
            vision["image_size"] = 128
        vision["timm_model_name"] = _registered(vision["timm_model_name"])
    else:
        vision["layers"] = _SHALLOW["layers"]
    return configuration


def small(causal: bool = True) -> dict[str, Any]:
    """Return a configuration that is built and run in milliseconds."""
    texts = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}
    vision = {"image_size": 64, "patch_size": 16, "width": 64, "head_width": 64, "layers": 2}
    texts["no_causal_mask"] = not causal
    return {"embed_dim": 32, "custom_text": True, "vision_cfg": vision, "text_cfg": texts}


def save(
    folder: Path, configuration: dict[str, Any], preprocessing: Mapping[str, Any] | None = None
) -> str:
    """Write a model with random weights to a folder, and return its name in the settings."""
    folder.mkdir(parents=True, exist_ok=True)
    if "hf_tokenizer_name" in configuration["text_cfg"]:
        configuration["text_cfg"]["vocab_size"] = _save_tokenizer(folder)
    written = {"model_cfg": configuration, "preprocess_cfg": dict(preprocessing or {})}
    (folder / "open_clip_config.json").write_text(json.dumps(written))
    model = randomized(f"local-dir:{folder}")
    save_weights(model, folder / "open_clip_model.safetensors")
    return f"open_clip:local-dir:{folder}"


def cached(folder: Path, architecture: str, tag: str, patch: pytest.MonkeyPatch) -> str:
    """Put random weights where the hub's client keeps what it downloaded; return the name."""
    repository = open_clip.get_pretrained_cfg(architecture, tag)["hf_hub"].rstrip("/")
    home = folder / f"models--{repository.replace('/', '--')}"
    snapshot = home / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("0")
    model = randomized(architecture).half()
    save_weights(model, snapshot / "open_clip_model.safetensors")
    patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return f"open_clip:{architecture}/{tag}"


def save_weights(model: torch.nn.Module, path: Path) -> None:
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)


def randomized(name: str) -> Any:
    """Return a model of open_clip whose random weights tell pictures apart."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model(name, load_weights=False).requires_grad_(False)
        for parameter_name, parameter in model.named_parameters():
            if "gamma" in parameter_name or "layer_scale" in parameter_name:
                # Initialised as almost zero, which disables the block.
                parameter.uniform_(0.5, 1.5)
            if parameter_name.startswith("visual.") and "out_proj.weight" in parameter_name:
                # In a few blocks, the class token would take too little from a picture's patches.
                parameter.mul_(4)
        _calibrate(model)
    return model.eval()


def _calibrate(model: Any) -> None:
    """Set the statistics of batch norms to those of some pictures, so that these do not vanish."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    if norms:
        for norm in norms:
            norm.momentum = 1.0
        height, width = model.visual.preprocess_cfg["size"]
        transform = open_clip.image_transform((height, width), is_train=False)
        scenes = [transform(pictures.scene(seed, (width, height))) for seed in range(4)]
        model.visual.train()(torch.stack(scenes))


def encoder_of(name: str, precision: str = "fp32") -> TwoTowerEncoder:
    """Return the encoder of a model, run by torch."""
    settings = Settings(device="cpu", precision=precision, torch_threads=2)
    towers = load_open_clip(name)
    return TwoTowerEncoder(towers, TorchBackend(towers, Compute.choose(settings)))


def _registered(name: str) -> str:
    """Register the shallow form of a timm model, since configurations name models only."""

    def build(**options: Any) -> torch.nn.Module:
        return timm.create_model(name, **_BLOCKS[name], **options)

    build.__name__ = f"{name}_shallow"
    if not timm.is_model(build.__name__):
        register_model(build)
    return build.__name__


def _save_tokenizer(folder: Path) -> int:
    """Write a small tokenizer with SigLIP 2's special tokens, and return its vocabulary's size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<pad>", "<eos>"], initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", tokenizer.token_to_id("<eos>"))]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>")
    fast.save_pretrained(folder)
    return int(tokenizer.get_vocab_size())
