"""Weights of ViT-B/32's architecture: their values change what is found, not how long it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

# The name under which they are loaded.
_MODEL = "ViT-B/32"


@contextmanager
def chosen(weights: Path | None, quick: bool) -> Iterator[Path]:
    """Give the file that is named, or one of random weights; a quick run's model is small."""
    if weights is not None:
        yield weights.absolute()
        return
    # Imported late: torch takes seconds, and who only gets an option wrong need not wait for it.
    from tests.clip_weights import SMALL, VIT_B_32, random_clip, save_state_dict

    with TemporaryDirectory() as folder:
        path = Path(folder) / "random.pt"
        save_state_dict(random_clip(SMALL if quick else VIT_B_32), path)
        yield path


def settings_for(weights: Path) -> dict[str, str]:
    """Return the variables that choose the model."""
    return {"GLIMPSE_MODEL": _MODEL, "GLIMPSE_CLIP_WEIGHTS": str(weights)}
