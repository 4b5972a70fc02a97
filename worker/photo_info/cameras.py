"""The names of cameras, made of a maker's and a model's."""

from __future__ import annotations

import re

from worker.photo_info.texts import clean_name

# What follows a maker's name in its company's.
_COMPANY = re.compile(
    r"(?i)[ ,.]+(camera|co|company|computer|corp|corporation|gmbh|ag|imaging|inc|ltd|optical"
    r"|techwin|electronics)\b.*"
)
_WORD = re.compile(r"[^\W_]+")


def camera_name(make: str | None, model: str | None) -> str | None:
    """Return a camera's name, without the maker's twice: "NIKON D70", "Apple iPhone 12"."""
    maker, model = clean_name(make), clean_name(model)
    if maker:
        maker = _COMPANY.sub("", maker)
    if not model or not maker:
        return model or maker or None
    first = _WORD.search(model)
    if first and first[0].casefold() in _WORD.findall(maker.casefold()):
        return model
    return clean_name(f"{maker} {model}")
