"""Names of ``open_clip`` models in ``GLIMPSE_MODEL``, and what is wrong with them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import open_clip

from common.errors import InvalidSettings
from worker.encoders.families import OPEN_CLIP

_LOCAL_DIR = "local-dir:"
_HUB = "hf-hub:"

# End of the name that open_clip gives to an architecture whose activation is QuickGELU.
_QUICKGELU = "-quickgelu"

_WHERE = "docs/models.md lists recommended models, and open_clip.list_pretrained() all of them"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from: a folder, a repository of the hub, or open_clip's table.

    Attributes:
        model: The name that open_clip's functions take.
        tag: The weights' name in open_clip's table, if the model is in it.
        folder: The folder, if the model is in one.
        repository: The repository of the hub, if it is the model's whole name.
    """

    model: str
    tag: str | None = None
    folder: Path | None = None
    repository: str | None = None

    @classmethod
    def of(cls, name: str) -> Self:
        """Read a name such as ``open_clip:ViT-B-32/laion2b_e16``.

        Raises:
            InvalidSettings: open_clip has no such model; the message suggests others.
        """
        model = name.removeprefix(OPEN_CLIP)
        if model.startswith(_LOCAL_DIR) and model != _LOCAL_DIR:
            folder = Path(model.removeprefix(_LOCAL_DIR)).expanduser()
            return cls(f"{_LOCAL_DIR}{folder}", folder=folder)
        if model.startswith(_HUB) and model.count("/") == 1:
            return cls(model, repository=model.removeprefix(_HUB))
        architecture, _, tag = model.rpartition("/")
        _require_listed(name, architecture, tag)
        return cls(architecture, tag=tag)


def _require_listed(name: str, architecture: str, tag: str) -> None:
    listed = [f"{OPEN_CLIP}{model}/{weights}" for model, weights in open_clip.list_pretrained()]
    if name not in listed:
        close = difflib.get_close_matches(name, listed, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise InvalidSettings(
            f"GLIMPSE_MODEL={name} must be {OPEN_CLIP}ARCHITECTURE/WEIGHTS,"
            f" {OPEN_CLIP}{_LOCAL_DIR}PATH or {OPEN_CLIP}{_HUB}ORG/REPO.{hint} {_WHERE}."
        )
    # With another activation, these weights would give vectors that are slightly wrong.
    trained_with = f"{architecture}{_QUICKGELU}"
    if _needs_quickgelu(architecture, tag) and trained_with in open_clip.list_models():
        raise InvalidSettings(
            f"GLIMPSE_MODEL={name}: these weights were trained with QuickGELU;"
            f" use {OPEN_CLIP}{trained_with}/{tag}."
        )


def _needs_quickgelu(architecture: str, tag: str) -> bool:
    trained = open_clip.get_pretrained_cfg(architecture, tag).get("quick_gelu", False)
    return bool(trained and not open_clip.get_model_config(architecture).get("quick_gelu", False))
