"""The measured model: CLIP's ViT-B/32.

The values of its weights affect what is found, not how long it takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def chosen(weights: Path | None, quick: bool) -> Iterator[dict[str, str]]:
    """Yield the variables that select the model, with the weights of a file or random ones.

    A quick run uses a model without weights: loading CLIP would take longer than everything else.
    """
    if quick:
        yield {"GLIMPSE_MODEL": "hashing"}
        return
    with TemporaryDirectory() as folder:
        file = weights.absolute() if weights else _random(Path(folder))
        yield {"GLIMPSE_MODEL": "ViT-B/32", "GLIMPSE_CLIP_WEIGHTS": str(file)}


def _random(folder: Path) -> Path:
    # Imported late, so that an invalid option fails without waiting for torch.
    from tests.support.clip_weights import VIT_B_32, random_clip, save_state_dict

    return save_state_dict(random_clip(VIT_B_32), folder / "ViT-B-32-random.pt")
