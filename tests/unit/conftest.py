"""Fixtures of the unit tests: the app with the shipped fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from common.settings import load_settings
from tests.support.inline import Inline, start_inline


@pytest.fixture(scope="session", autouse=True)
def _compiled_routes() -> Iterator[None]:
    """Compile each route's builder of URLs once: that is half of the time to create an app."""
    compile_builder = Rule._compile_builder
    compiled: dict[object, Callable[..., tuple[str, str]]] = {}

    def compiled_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        # All that a builder is made from; it takes converters from the rule that it is bound to.
        key = (*rule._trace, *sorted((rule.defaults or {}).items()), append_unknown)
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compiled_once)
        yield


@pytest.fixture
def inline() -> Iterator[Inline]:
    settings = load_settings(
        {
            "GLIMPSE_CHUNK_IMAGES": "3",
            "GLIMPSE_IMAGE_BYTES_MAX": "200000",
            "GLIMPSE_UPLOAD_BYTES_MAX": "1000000",
            "GLIMPSE_UPLOAD_PARTS_MAX": "20",
        }
    )
    inline = start_inline(settings)
    yield inline
    inline.close()


@pytest.fixture
def client(inline: Inline) -> FlaskClient:
    return inline.app.test_client()
