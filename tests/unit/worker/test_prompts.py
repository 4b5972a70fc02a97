"""Prompts: short texts are wrapped, sentences are not."""

from __future__ import annotations

import pytest

from common.errors import InvalidSettings
from common.settings import load_settings
from worker.search.prompts import Prompts


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("dog", "a photo of a dog"),
        ("white dog", "a photo of a white dog"),
        ("a white dog", "a photo of a white dog"),
        ("The Eiffel Tower", "a photo of a Eiffel Tower"),
        ("a", "a photo of a a"),
        ("two dogs in snow", "two dogs in snow"),
        ("photo of dog", "photo of dog"),
        ("Pictures of dogs", "Pictures of dogs"),
        ("{} {0}", "a photo of a {} {0}"),
    ],
)
def test_short_texts_are_wrapped(text: str, prompt: str) -> None:
    assert Prompts("a photo of a {}").wrap(text) == prompt


def test_an_article_is_kept_where_the_template_has_none() -> None:
    assert Prompts("{}, seen from above").wrap("a dog") == "a dog, seen from above"


def test_without_a_template_texts_stay_as_they_are() -> None:
    assert Prompts("").wrap("dog") == "dog"


@pytest.mark.parametrize("template", ["a photo", "{} and {}", "{0}", "{} {x}", "{}}"])
def test_a_template_without_one_place_is_refused(template: str) -> None:
    with pytest.raises(InvalidSettings, match="GLIMPSE_PROMPT_TEMPLATE"):
        load_settings({"GLIMPSE_PROMPT_TEMPLATE": template})


def test_a_template_with_one_place_is_taken() -> None:
    settings = load_settings({"GLIMPSE_PROMPT_TEMPLATE": "a photo of a {}"})
    assert settings.prompt_template == "a photo of a {}"
