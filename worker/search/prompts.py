"""Prompts: a short text made into the kind of sentence that a model has learned from."""

from __future__ import annotations

import re

# Words of a text that is wrapped, at most; longer ones are sentences already.
_WORDS_MAX = 3
# A text that says that it is of a picture.
_OF_A_PICTURE = re.compile(r"\b(photo(graph)?|picture|image|drawing|painting|sketch)s?\b", re.I)
_ARTICLE = re.compile(r"^(an?|the)\s+(?=\S)", re.I)
_ENDS_IN_ARTICLE = re.compile(r"\b(an?|the)\s+$", re.I)


class Prompts:
    """Wraps short texts into a template.

    Args:
        template: A sentence with one ``{}`` where the text goes; empty leaves every text as it is.
    """

    def __init__(self, template: str) -> None:
        self._before, self._placeholder, self._after = template.partition("{}")

    def wrap(self, text: str) -> str:
        """Return a text as it is given to the model."""
        if not self._placeholder or len(text.split()) > _WORDS_MAX or _OF_A_PICTURE.search(text):
            return text
        # "a photo of a {}" takes "dog" from "a dog".
        if _ENDS_IN_ARTICLE.search(self._before):
            text = _ARTICLE.sub("", text)
        return f"{self._before}{text}{self._after}"
