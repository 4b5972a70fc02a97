"""Fixtures of the command line's unit tests."""

from __future__ import annotations

import httpx
import pytest

from glimpse_client import Glimpse
from glimpse_client.retry import RetryPolicy
from tests.support.inline import Inline


@pytest.fixture
def server(inline: Inline, monkeypatch: pytest.MonkeyPatch) -> Inline:
    """Connect the commands to an in-process app."""

    def from_environ(retry_policy: RetryPolicy | None = None) -> Glimpse:
        transport = httpx.WSGITransport(inline.app)
        return Glimpse("http://127.0.0.1", retry_policy=retry_policy, transport=transport)

    monkeypatch.setattr(Glimpse, "from_environ", from_environ)
    return inline
