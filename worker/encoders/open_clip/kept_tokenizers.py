"""Tokenizers of open_clip without open_clip, torch and transformers, for later starts.

The package has one of its own, for most models of CLIP's kind, and takes the others from
transformers, which runs them with the ``tokenizers`` package.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray
from tokenizers import Tokenizer as Backend

from worker.cache_files import keep
from worker.encoders.clip.package.simple_tokenizer import SimpleTokenizer, basic_clean
from worker.encoders.file_digests import FileDigests
from worker.encoders.open_clip.tokenizer import Tokenize

# Texts on which a kept tokenizer must agree with the package's.
_SAMPLES = [
    *(
        "",
        "a white dog",
        "A White_Dog!  (In the GRASS...)",
        "dog\u3000\x1fdog",
        " ".join(map(str, range(200))),
    ),
    *("ein weißer Hund im Gras", "草の上の白い犬", "كلب أبيض", "naïve café 🐶🐶"),
    *("&amp;amp; &lt;b&gt;", "it's 12,345.6"),
    *("<start_of_text> a <end_of_text>", "<|endoftext|>", "<pad><eos></s>[SEP]"),
]

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _whitespace(text: str) -> str:
    return " ".join(basic_clean(text).split())


def _lower(text: str) -> str:
    return _whitespace(text).lower()


def _canonical(text: str) -> str:
    plain = basic_clean(text).replace("_", " ").translate(_WITHOUT_PUNCTUATION)
    return " ".join(plain.lower().split())


# What is done to a text first, by the name of the package's function.
_CLEANERS: dict[str, Callable[[str], str]] = {
    "_clean_whitespace": _whitespace,
    "_clean_lower": _lower,
    "_clean_canonicalize": _canonical,
}


def describe(tokenizer: Any, folder: Path) -> dict[str, Any] | None:
    """Return what ``restore`` makes a tokenizer of, if it gives the same tokens.

    Args:
        tokenizer: One of open_clip's.
        folder: Where the vocabulary is kept.
    """
    try:
        known = _described(tokenizer, folder)
        kept = restore(known, FileDigests(folder))
    except (AttributeError, KeyError, OSError):
        # Of a kind that was never seen, or the folder is not writable.
        return None
    same = np.array_equal(kept(_SAMPLES), tokenizer(_SAMPLES).numpy())
    return known if same else None


def restore(known: Mapping[str, Any], digests: FileDigests) -> Tokenize:
    """Return a tokenizer that gives the same tokens as the one that was described.

    Raises:
        OSError, KeyError, TypeError, ValueError: It is not what this version keeps.
    """
    clean = _CLEANERS[known["clean"]]
    if known["vocabulary"] is None:
        return BytePairs(clean, known["context_length"])
    vocabulary = Path(known["vocabulary"])
    if digests.sha256_of(vocabulary) != vocabulary.stem:
        raise ValueError(f"{vocabulary} is damaged")
    return FastTokenizer(vocabulary, clean, known["special"], known["dropped"])


def _described(tokenizer: Any, folder: Path) -> dict[str, Any]:
    known = {"clean": tokenizer.clean_fn.__name__, "context_length": tokenizer.context_length}
    if isinstance(getattr(tokenizer, "bpe_ranks", None), dict):
        return {**known, "vocabulary": None}
    # The first call tells the backend the length to pad to.
    tokenizer([""])
    fast = tokenizer.tokenizer
    return {
        **known,
        "vocabulary": str(_kept(fast.backend_tokenizer, folder)),
        "special": fast.backend_tokenizer.encode_special_tokens,
        "dropped": fast.sep_token_id if tokenizer.strip_sep_token else None,
    }


def _kept(backend: Backend, folder: Path) -> Path:
    content = backend.to_str().encode()
    path = folder / f"{hashlib.sha256(content).hexdigest()}.json"
    keep(path, lambda part: part.write(content))
    return path


class BytePairs(SimpleTokenizer):  # type: ignore[misc]
    """open_clip's own tokenizer: that of OpenAI, with other names of the tokens around a text."""

    _NAMES = ("<start_of_text>", "<end_of_text>")

    def __init__(self, clean: Callable[[str], str], context_length: int) -> None:
        super().__init__()
        self._clean = clean
        self._length = context_length
        former = ("<|startoftext|>", "<|endoftext|>")
        self._start, self._end = (self.encoder[name] for name in former)
        self.encoder |= dict(zip(self._NAMES, (self._start, self._end), strict=True))
        self.cache = {name: name for name in self._NAMES}
        words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
        self.pat = regex.compile("|".join((*self._NAMES, words)), regex.IGNORECASE)

    def __call__(self, texts: list[str]) -> NDArray[np.int64]:
        """Return tokens, with zeros after each text's end: int64 [n, context]."""
        tokens = np.zeros((len(texts), self._length), np.int64)
        for row, text in zip(tokens, texts, strict=True):
            found = [self._start, *self.encode(text)[: self._length - 2], self._end]
            row[: len(found)] = found
        return tokens

    def encode(self, text: str) -> list[int]:
        """Return a text's tokens, without those around it."""
        words = (word.encode() for word in self.pat.findall(self._clean(text)))
        pieces = (self.bpe("".join(self.byte_encoder[byte] for byte in word)) for word in words)
        return [self.encoder[part] for piece in pieces for part in piece.split(" ")]


class FastTokenizer:
    """A tokenizer of transformers, run by the ``tokenizers`` package.

    Args:
        vocabulary: The file that describes it.
        clean: Applied to texts first.
        special: Whether special tokens are split like other text.
        dropped: A token that zeros replace.
    """

    def __init__(
        self, vocabulary: Path, clean: Callable[[str], str], special: bool, dropped: int | None
    ) -> None:
        self._vocabulary = vocabulary
        self._clean = clean
        self._special = special
        self._dropped = dropped

    def __call__(self, texts: list[str]) -> NDArray[np.int64]:
        """Return padded tokens: int64 [n, context]."""
        found = self._backend.encode_batch([self._clean(text) for text in texts])
        tokens = np.array([each.ids for each in found], np.int64)
        return tokens if self._dropped is None else np.where(tokens == self._dropped, 0, tokens)

    @cached_property
    def _backend(self) -> Backend:
        # Only now: an ingest worker needs no texts, and vocabularies have up to 34 MB.
        backend = Backend.from_file(str(self._vocabulary))
        backend.encode_special_tokens = self._special
        return backend
