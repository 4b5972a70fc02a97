"""The documentation is complete: these tests fail for a missing route, setting or error code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common import errors
from common.settings import PREFIX, Settings
from tests.support.inline import Inline

DOCS = Path(__file__).parent.parent.parent.parent / "docs"


def subclasses(kind: type[errors.GlimpseError]) -> list[type[errors.GlimpseError]]:
    found = [kind, *(below for child in kind.__subclasses__() for below in subclasses(child))]
    # The command line's own errors never reach a caller of the API.
    return [kind for kind in found if kind.__module__ == errors.__name__]


def test_every_route_is_documented(inline: Inline) -> None:
    text = (DOCS / "api.md").read_text()
    for rule in inline.app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?\w*?_id>", "{id}", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert f"### `{method} {path}`" in text


def test_no_route_is_documented_that_is_not_there(inline: Inline) -> None:
    rules = [re.sub(r"<(?:\w+:)?\w*?_id>", "{id}", r.rule) for r in inline.app.url_map.iter_rules()]
    for path in re.findall(r"^### `[A-Z]+ (\S+)`", (DOCS / "api.md").read_text(), re.M):
        assert path in rules


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in (DOCS / "settings.md").read_text()


def test_every_documented_setting_is_there() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    text = "".join((DOCS / f"{name}.md").read_text() for name in ("settings", "operations"))
    named = set(re.findall(rf"`({PREFIX}[A-Z_]+)`", text))
    assert named - known == {"GLIMPSE_URL", "GLIMPSE_API_KEY", "GLIMPSE_TO_TOKEN"}


def test_every_code_that_reaches_a_caller_is_documented() -> None:
    text = (DOCS / "api.md").read_text()
    for kind in subclasses(errors.ImageError):
        assert f"| `{kind.code}` |" in text
    for error in (errors.InvalidRequest, errors.Unprocessable, errors.NotFound):
        assert f"`{error.code}`" in text


def test_the_tree_of_errors_shows_every_class() -> None:
    drawn = errors.__doc__ or ""
    for kind in subclasses(errors.GlimpseError):
        assert re.search(rf"\b{kind.__name__}\b", drawn), kind.__name__


def test_codes_are_stable_words() -> None:
    for kind in subclasses(errors.GlimpseError):
        assert re.fullmatch(r"[a-z_]+", kind.code)
