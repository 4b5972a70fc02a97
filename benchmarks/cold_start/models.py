"""The models whose starts are measured, with seeded random weights."""

from __future__ import annotations

from pathlib import Path

# Architecture of the model of open_clip.
_OPEN_CLIP = "ViT-B-32"


def settings_of(folder: Path, *, quick: bool) -> dict[str, dict[str, str]]:
    """Return the variables that select each model, by its name in the report.

    Args:
        folder: Receives the weights.
        quick: Whether to return only the model without weights.
    """
    hashing = {"hashing": {"GLIMPSE_MODEL": "hashing"}}
    if quick:
        return hashing
    # Imported late, so that a quick run does not wait for torch.
    import open_clip

    from tests.support import open_clip_models
    from tests.support.clip_weights import VIT_B_32, random_clip, save_for_hub

    clip = save_for_hub(random_clip(VIT_B_32), folder / "weights.safetensors")
    saved = open_clip_models.save(folder / "open_clip", open_clip.get_model_config(_OPEN_CLIP))
    return hashing | {
        "starter": {"GLIMPSE_MODEL": "starter"},
        "ViT-B/32": {"GLIMPSE_MODEL": "ViT-B/32", "GLIMPSE_CLIP_WEIGHTS": str(clip)},
        f"open_clip:{_OPEN_CLIP}": {"GLIMPSE_MODEL": saved},
    }
