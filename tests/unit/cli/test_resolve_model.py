"""The process that chooses the model: what it answers, and the reason if it fails."""

from __future__ import annotations

import asyncio
import os

import pytest

from cli.errors import PartFailed
from cli.stack.model import resolve_model

REPORT = "invalid_settings: GLIMPSE_MODEL=x is not a model."


def resolve(monkeypatch: pytest.MonkeyPatch, script: str) -> str:
    monkeypatch.setattr("cli.stack.model.PYTHON", ("sh", "-c", script))
    return asyncio.run(resolve_model("x", os.environ, lambda _: None))


def test_the_answer_is_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve(monkeypatch, "echo noise; echo starter") == "starter"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (f"echo first >&2; echo '{REPORT}' >&2; echo 'nanobind: leaked!' >&2", REPORT),
        ("echo 'ValueError: bad' >&2", "ValueError: bad"),
        ("true", "Choosing the model failed with status 78."),
    ],
)
def test_the_reason_is_what_was_reported(
    monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    with pytest.raises(PartFailed) as caught:
        resolve(monkeypatch, f"{script}; exit 78")
    assert str(caught.value) == reason
