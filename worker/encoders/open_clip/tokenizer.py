"""Tokens of texts, in the form that the towers take; torch is not needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

# Takes texts and returns their tokens, padded: int64 [n, context].
Tokenize: TypeAlias = Callable[[list[str]], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class End:
    """The end of a text whose padding does not affect its embedding, so that it may be cut.

    Attributes:
        token: The end-of-text token; None if it is the highest number of a text.
    """

    token: int | None = None

    def cut(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cut the padding that texts have in common: int64 [n, length] -> [n, shorter]."""
        ends = (tokens if self.token is None else tokens == self.token).argmax(axis=1)
        return np.ascontiguousarray(tokens[:, : ends.max() + 1])


class Tokenizer:
    """A model's tokenizer, for several threads.

    Args:
        tokenize: Returns padded tokens; those of the ``tokenizers`` package are not thread-safe.
        end: Where texts may be cut; None if their padding matters.
    """

    def __init__(self, tokenize: Tokenize, end: End | None) -> None:
        self.tokenize = tokenize
        self.end = end
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the tokens of texts: int64 [n, length]."""
        with self._lock:
            tokens = self.tokenize(list(texts))
        return tokens if self.end is None else self.end.cut(tokens)


class PackageTokenizer:
    """A tokenizer of open_clip.

    Args:
        package: The tokenizer; it returns a tensor.
    """

    def __init__(self, package: Any) -> None:
        self.package = package

    def __call__(self, texts: list[str]) -> NDArray[np.int64]:
        """Return padded tokens: int64 [n, context]."""
        tokens: NDArray[np.int64] = self.package(texts).long().numpy()
        return tokens
