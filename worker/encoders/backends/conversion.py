"""Conversions: a model's towers in OpenVINO's form, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import nn

from common.errors import SetupError
from worker.encoders.backends.converted import (
    FORM,
    MANIFEST,
    TOWERS,
    Converted,
    is_whole,
    padded,
    read,
    text_lengths,
)
from worker.encoders.backends.openvino import OpenVinoBackend, Plan
from worker.encoders.backends.quiet_openvino import openvino
from worker.encoders.compute import Compute
from worker.encoders.file_digests import FileDigests, sha256_of
from worker.encoders.parameters import digest_of
from worker.encoders.towers import Towers
from worker.encoders.vectors import unit_rows

log = logging.getLogger(__name__)

# Lowest cosine between a converted tower's vector and torch's, both in float32.
_COSINE_MIN = 0.9999

# Texts and numbers of pictures that a conversion is checked with; it must not have been traced for
# one length or one batch size only.
_TEXTS = (["dog"], ["a photo of a white dog on a beach, seen from far above", "", "two cats"])
_COUNTS = (1, 3)


def converted_backend(towers: Towers, compute: Compute, cache_dir: Path) -> OpenVinoBackend:
    """Return OpenVINO on a CPU, with a model's towers in its form.

    The backend keeps no reference to the towers, so that torch's weights can be freed.

    Args:
        towers: The loaded model, in float32 on the CPU.
        compute: The precision, and how many batches share the cores.
        cache_dir: Folder of the converted model.

    Raises:
        SetupError: OpenVINO cannot run this model.
    """
    core = openvino.Core()
    streams, precision = compute.concurrency, _precision(core, compute)
    plan = Plan(
        precision,
        streams,
        torch.get_num_threads(),
        f"openvino {openvino.get_version()}, {precision}, {compute.runs_on}",
    )
    converted = load_or_convert(towers, core, cache_dir)
    return OpenVinoBackend(core, converted, plan, text_lengths(towers))


def _precision(core: Any, compute: Compute) -> str:
    """Return bf16 if it was chosen and the CPU multiplies it; emulated, it is slower than f32."""
    native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if compute.dtype is torch.bfloat16 and native else "f32"


def load_or_convert(towers: Towers, core: Any, cache_dir: Path) -> Converted:
    """Return the converted towers from the cache; convert and cache them if needed.

    The cache's files are mapped into memory, so that afterwards torch's weights can be freed.
    If the folder is not writable, every start converts.

    Args:
        towers: The loaded model, in float32 on the CPU.
        core: OpenVINO's ``Core``.
        cache_dir: Folder of values that are computed once.

    Raises:
        SetupError: OpenVINO cannot run this model.
    """
    folder = cache_dir / "openvino" / _key(towers)
    digests = FileDigests(cache_dir)
    try:
        if not is_whole(folder, digests):
            folder.parent.mkdir(parents=True, exist_ok=True)
            # A second process waits here for the first one's conversion, and then finds it.
            with FileLock(f"{folder}.lock"):
                if not is_whole(folder, digests):
                    _store(towers, core, folder)
        return read(core, folder)
    except OSError as error:
        log.warning("encoder.cache_failed path=%s reason=%s", folder, error)
        return _checked(_convert(towers), towers, core)


def _key(towers: Towers) -> str:
    """Return the conversion's name: the model's revision and a digest of all it depends on."""
    buffers = [("images", towers.images.named_buffers()), ("texts", towers.texts.named_buffers())]
    # The revision covers the weights; a model's mean and deviation are buffers of its tower.
    values = {f"{tower}.{name}": value for tower, found in buffers for name, value in found}
    facts = [
        *(FORM, openvino.get_version(), torch.__version__, towers.name, towers.revision),
        *(towers.dim, towers.image_size, towers.context_length, towers.causal, digest_of(values)),
    ]
    return f"{towers.revision}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]}"


def _store(towers: Towers, core: Any, folder: Path) -> None:
    """Convert into a folder that is renamed once it is complete and checked.

    Raises:
        OSError: The folder cannot be written.
    """
    log.info("encoder.converting model=%s path=%s", towers.name, folder)
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        _save(_convert(towers), part)
        _checked(read(core, part), towers, core)
        names = sorted(path.name for path in part.iterdir())
        sums = {name: sha256_of(part / name) for name in names}
        (part / MANIFEST).write_text(json.dumps(sums))
        _remove(folder.parent.glob(f"{towers.revision}-*[0-9a-f]"))
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _remove(folders: Iterable[Path]) -> None:
    """Remove the model's older conversions; a worker that has mapped one keeps its files."""
    for folder in folders:
        shutil.rmtree(folder)


def _save(towers: Converted, folder: Path) -> None:
    try:
        for name in TOWERS:
            openvino.save_model(getattr(towers, name), folder / f"{name}.xml", False)
    except RuntimeError as error:
        raise OSError(f"OpenVINO could not write the model: {error}") from error


def _convert(towers: Towers) -> Converted:
    height, width = towers.image_size
    pixels = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    tokens = torch.from_numpy(padded(towers.tokenize(["dog", "cat"]), text_lengths(towers)))
    length = openvino.Dimension(1, towers.context_length) if towers.causal else tokens.shape[1]
    return Converted(
        _traced(towers.images, pixels, [-1, height, width, 3]),
        _traced(towers.texts, tokens, [-1, length]),
    )


def _traced(tower: nn.Module, example: torch.Tensor, shape: Sequence[Any]) -> Any:
    tower.eval().requires_grad_(False)
    try:
        with warnings.catch_warnings():
            # Tracing is deprecated and warns about every branch; the result is checked.
            warnings.simplefilter("ignore")
            form = openvino.PartialShape(list(shape))
            return openvino.convert_model(tower, example_input=example, input=[form])
    except Exception as error:
        # OpenVINO raises errors of many classes for operations that it does not know.
        raise _unusable(f"the conversion failed: {error}") from error


def _checked(found: Converted, towers: Towers, core: Any) -> Converted:
    """Return the converted towers if they agree with torch's.

    Raises:
        SetupError: They do not.
    """
    random = np.random.default_rng(0)
    shape = (*towers.image_size, 3)
    lengths = text_lengths(towers)
    _compare(
        core,
        (found.images, towers.images),
        [random.integers(0, 256, (count, *shape), np.uint8) for count in _COUNTS],
    )
    _compare(
        core,
        (found.texts, towers.texts),
        [padded(towers.tokenize(texts), lengths) for texts in _TEXTS],
    )
    return found


def _compare(core: Any, pair: tuple[Any, nn.Module], inputs: Iterable[NDArray[Any]]) -> None:
    run = _plain(core, pair[0])
    for given in inputs:
        with torch.inference_mode():
            expected = unit_rows(pair[1](torch.from_numpy(given)).float().numpy())
        cosine = float((unit_rows(run(given)) * expected).sum(axis=1).min())
        if cosine < _COSINE_MIN:
            raise _unusable(f"the cosine to torch's vectors is {cosine:.5f}")


def _plain(core: Any, model: Any) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """Return a function that runs a converted tower in float32."""
    try:
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError as error:
        raise _unusable(f"it could not be compiled: {error}") from error

    def run(given: NDArray[Any]) -> NDArray[np.float32]:
        try:
            return np.asarray(compiled(given)[0])
        except RuntimeError as error:
            raise _unusable(f"it failed: {error}") from error

    return run


def _unusable(reason: str) -> SetupError:
    return SetupError(f"OpenVINO cannot run this model: {reason}. Set GLIMPSE_BACKEND=torch.")
