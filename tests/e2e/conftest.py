"""What tests on a real stack share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.main import run
from tests.support.services import Stack


@pytest.fixture
def make_key(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Return what makes a key, as the operator does."""
    monkeypatch.setenv("GLIMPSE_REDIS_URL", stack.redis.url)

    def make(tenant: str, *scopes: str) -> str:
        wanted = [word for scope in scopes for word in ("--scope", scope)]
        assert run(["keys", "create", "--tenant", tenant, "--name", "test", *wanted]) == 0
        return capsys.readouterr().out.strip()

    return make
