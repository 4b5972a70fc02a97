"""What is known of a model of ``open_clip``; torch is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from worker.encoders.file_digests import FileDigests
from worker.encoders.open_clip import kept_tokenizers
from worker.encoders.open_clip.preprocessing import Preprocessing
from worker.encoders.open_clip.tokenizer import End, PackageTokenizer, Tokenizer
from worker.encoders.towers import ModelFacts

# Minimum size of a JPEG decoded at reduced size, as for OpenAI's CLIP.
_DRAFT_MARGIN = 2


def open_clip_facts(
    name: str,
    revision: str,
    *,
    dim: int,
    preprocess: Preprocessing,
    tokenize: Tokenizer,
    context_length: int,
) -> ModelFacts:
    """Return what is known of a model.

    Args:
        name: As in the settings.
        revision: The digest of its parameters.
        dim: Length of a vector.
        preprocess: Prepares its pictures.
        tokenize: Its tokenizer.
        context_length: Maximum tokens of a text.
    """
    return ModelFacts(
        name=name,
        revision=revision,
        dim=dim,
        preprocess=preprocess,
        tokenize=tokenize,
        image_size=preprocess.size,
        context_length=context_length,
        causal=tokenize.end is not None,
        draft_side=max(preprocess.size) * _DRAFT_MARGIN,
    )


def describe(model: ModelFacts, cache_dir: Path) -> dict[str, Any] | None:
    """Return what ``restore`` makes the facts of, as JSON can express it.

    None if the tokenizer is of a kind that only the package can run.

    Args:
        model: A model that was loaded with the package.
        cache_dir: Folder of values that are computed once; vocabularies are kept there.
    """
    tokenizer = cast("Tokenizer", model.tokenize)
    package = cast("PackageTokenizer", tokenizer.tokenize).package
    known = kept_tokenizers.describe(package, cache_dir / "tokenizers")
    return known and {
        "name": model.name,
        "revision": model.revision,
        "dim": model.dim,
        "context_length": model.context_length,
        "preprocess": asdict(cast("Preprocessing", model.preprocess)),
        "tokenizer": known,
        "end": tokenizer.end and asdict(tokenizer.end),
    }


def restore(known: Mapping[str, Any], digests: FileDigests) -> ModelFacts:
    """Return the facts of a model that was described.

    Raises:
        OSError, KeyError, TypeError, ValueError: It is not what this version keeps.
    """
    return open_clip_facts(
        known["name"],
        known["revision"],
        dim=known["dim"],
        context_length=known["context_length"],
        preprocess=Preprocessing.restored(known["preprocess"]),
        tokenize=Tokenizer(
            kept_tokenizers.restore(known["tokenizer"], digests),
            End(**known["end"]) if known["end"] else None,
        ),
    )
