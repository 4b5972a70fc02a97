"""One model in every format that a peer reads: seeded random weights of ViT-B/32.

No model hub is asked: the vocabulary is that of the ``clip`` package.
"""

from __future__ import annotations

import gzip
import json
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.peers.adapters.places import HUGGING_FACE, OPENAI, RCLIP, RCLIP_MODEL
from tests.support.clip_weights import SMALL, VIT_B_32, random_clip, save_state_dict
from worker.encoders.clip.package.model import CLIP

State = dict[str, Tensor]

# Names of OpenAI's parts and of transformers': inside the blocks of a tower, outside, those to be
# transposed, and the towers' blocks.
_BLOCK = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_WHOLE = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "logit_scale": "logit_scale",
}
_TRANSPOSED = {
    "visual.proj": "visual_projection.weight",
    "text_projection": "text_projection.weight",
}
_TOWERS = {
    "visual.transformer.resblocks.": "vision_model.encoder.layers.",
    "transformer.resblocks.": "text_model.encoder.layers.",
}
# Width of an attention head of OpenAI's image towers.
_HEAD_WIDTH = 64
# Merges of the vocabulary that CLIP uses, and CLIP's normalisation of pixels.
_MERGES = 49152 - 256 - 2
_START, _END = "<|startoftext|>", "<|endoftext|>"
_MEAN = [0.48145466, 0.4578275, 0.40821073]
_STD = [0.26862954, 0.26130258, 0.27577711]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The files of one model.

    Attributes:
        folder: Has each format where ``adapters.places`` says.
        openai: Weights as Glimpse reads them.
    """

    folder: Path
    openai: Path


def save(folder: Path, *, small: bool = False) -> Checkpoints:
    """Save every format; of a small model, only OpenAI's."""
    model = random_clip(SMALL if small else VIT_B_32)
    openai = save_state_dict(model, folder / OPENAI)
    if not small:
        save_for_transformers(model, VIT_B_32, folder / HUGGING_FACE)
        _save_onnx(model, folder / RCLIP)
    return Checkpoints(folder, openai)


def save_for_transformers(model: CLIP, architecture: tuple[Any, ...], folder: Path) -> None:
    """Save weights, tokens and preprocessing in a new folder, as transformers reads them.

    Args:
        model: A vision transformer, with its text tower.
        architecture: The constructor arguments of the model.
        folder: The folder to create.
    """
    folder.mkdir()
    renamed = {name: part.contiguous() for name, part in transformers_state(model.state_dict())}
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    vocabulary, merges = _vocabulary()
    files: dict[str, Any] = {
        "config.json": _config(architecture),
        "preprocessor_config.json": _preprocessor(model.visual.input_resolution),
        "vocab.json": vocabulary,
        "tokenizer_config.json": {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": 77,
            "bos_token": _START,
            "eos_token": _END,
            "unk_token": _END,
            "pad_token": _END,
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))


def transformers_state(state: State) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights of OpenAI's CLIP by the names of transformers' ``CLIPModel``."""
    for name, part in state.items():
        tower = next((one for one in _TOWERS if name.startswith(one)), None)
        if tower:
            number, _, rest = name.removeprefix(tower).partition(".")
            yield from _of_block(f"{_TOWERS[tower]}{number}.", rest, part)
        elif name in _TRANSPOSED:
            yield _TRANSPOSED[name], part.T
        else:
            yield _WHOLE[name], part


def _of_block(block: str, name: str, part: Tensor) -> Iterator[tuple[str, Tensor]]:
    if name.startswith("attn.in_proj_"):
        kind = name.removeprefix("attn.in_proj_")
        for letter, third in zip("qkv", part.chunk(3), strict=True):
            # Tensors of one file must not share memory.
            yield f"{block}self_attn.{letter}_proj.{kind}", third.clone()
        return
    module, _, kind = name.rpartition(".")
    yield f"{block}{_BLOCK[module]}.{kind}", part


def _config(architecture: tuple[Any, ...]) -> dict[str, Any]:
    dim, side, layers, width, patch, length, tokens, text_width, heads, text_layers = architecture
    shared = {"hidden_act": "quick_gelu", "projection_dim": dim}
    vision = {
        "model_type": "clip_vision_model",
        "image_size": side,
        "patch_size": patch,
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_attention_heads": width // _HEAD_WIDTH,
        "num_hidden_layers": layers,
    }
    text = {
        "model_type": "clip_text_model",
        "max_position_embeddings": length,
        "vocab_size": tokens,
        "bos_token_id": tokens - 2,
        "eos_token_id": tokens - 1,
        "hidden_size": text_width,
        "intermediate_size": 4 * text_width,
        "num_attention_heads": heads,
        "num_hidden_layers": text_layers,
    }
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": dim,
        "text_config": {**shared, **text},
        "vision_config": {**shared, **vision},
    }


def _preprocessor(side: int) -> dict[str, Any]:
    steps = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb")
    return {
        **dict.fromkeys(steps, True),
        "image_processor_type": "CLIPImageProcessor",
        "processor_class": "CLIPProcessor",
        "size": {"shortest_edge": side},
        "crop_size": {"height": side, "width": side},
        "resample": 3,
        "image_mean": _MEAN,
        "image_std": _STD,
    }


def _bpe_file() -> Path:
    # The package imports pkg_resources, which setuptools has dropped; only its file is needed.
    spec = find_spec("clip")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "bpe_simple_vocab_16e6.txt.gz"


def _vocabulary() -> tuple[dict[str, int], list[str]]:
    """Return the token numbers and the merges, as in transformers' files."""
    with gzip.open(_bpe_file(), "rt", encoding="utf-8") as lines:
        merges = lines.read().split("\n")[1 : _MERGES + 1]
    letters = _letters()
    tokens = [
        *letters,
        *(f"{letter}</w>" for letter in letters),
        *(merge.replace(" ", "") for merge in merges),
        *(_START, _END),
    ]
    return {token: number for number, token in enumerate(tokens)}, merges


def _letters() -> list[str]:
    """Return the letter that stands for each byte, printable bytes first."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    printable += range(ord("®"), ord("ÿ") + 1)
    others = 256 - len(printable)
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(others)]


class _Texts(nn.Module):
    """The text tower as a module of its own, for the export."""

    def __init__(self, model: CLIP) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.model.encode_text(tokens)
        return found


def _save_onnx(model: CLIP, folder: Path) -> None:
    """Save what rclip reads: a file for each tower, and the vocabulary."""
    towers = folder / RCLIP_MODEL
    towers.mkdir(parents=True)
    side = VIT_B_32[1]
    inputs = {
        "visual.onnx": (model.visual, torch.zeros(2, 3, side, side)),
        "textual.onnx": (_Texts(model), torch.ones(2, 77, dtype=torch.int64)),
    }
    for name, (tower, example) in inputs.items():
        with warnings.catch_warnings():
            # The exporter without dynamo is deprecated; it needs one package less.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                tower.eval(),
                (example,),
                str(towers / name),
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
                dynamo=False,
            )
    (folder / "tokenizer").mkdir()
    shutil.copy(_bpe_file(), folder / "tokenizer")
