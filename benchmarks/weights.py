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
        file = weights.absolute() if weights else random_weights(Path(folder))
        yield {"GLIMPSE_MODEL": "ViT-B/32", "GLIMPSE_CLIP_WEIGHTS": str(file)}


def random_weights(folder: Path, *, tiny: bool = False) -> Path:
    """Save seeded random weights of ViT-B/32, or of a tiny model, to a file in the folder."""
    # Imported late, so that an invalid option fails without waiting for torch.
    from tests.support.clip_weights import TINY, VIT_B_32, random_clip, save_state_dict

    return save_state_dict(random_clip(TINY if tiny else VIT_B_32), folder / "weights.pt")
