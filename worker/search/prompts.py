"""Prompts: turns short texts into sentences like those the model was trained on."""

from __future__ import annotations

import re

# Maximum words of a text to wrap; longer texts are already sentences.
_WORDS_MAX = 3
# Matches texts that already mention a picture.
_OF_A_PICTURE = re.compile(r"\b(photo(graph)?|picture|image|drawing|painting|sketch)s?\b", re.I)
_ARTICLE = re.compile(r"^(an?|the)\s+(?=\S)", re.I)
_ENDS_IN_ARTICLE = re.compile(r"\b(an?|the)\s+$", re.I)


class Prompts:
    """Wraps short texts in a template.

    Args:
        template: A sentence with one ``{}`` for the text; if empty, texts are not changed.
    """

    def __init__(self, template: str) -> None:
        self._before, self._placeholder, self._after = template.partition("{}")

    def wrap(self, text: str) -> str:
        """Return the prompt for a text."""
        if not self._placeholder or len(text.split()) > _WORDS_MAX or _OF_A_PICTURE.search(text):
            return text
        # "a photo of a {}" uses only the "dog" of "a dog".
        if _ENDS_IN_ARTICLE.search(self._before):
            text = _ARTICLE.sub("", text)
        return f"{self._before}{text}{self._after}"
