"""The examples of ``docs/webhooks.md`` verify what the service signs."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from common.webhooks.signing import make_secret, signed_headers

TEXT = (Path(__file__).parent.parent.parent / "docs" / "webhooks.md").read_text()
BODY = '{"type": "job.finished", "name": "Ä"}'.encode()


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def secret() -> str:
    return make_secret()


def headers(*secrets: str, at: float = 0) -> dict[str, str]:
    return signed_headers("f" * 32, int(time.time() + at), BODY, list(secrets))


def test_the_python_example(secret: str) -> None:
    names: dict[str, Any] = {}
    exec(example("python"), names)
    read_event = names["read_event"]
    for given in (headers(secret), headers(make_secret(), secret)):
        assert read_event(given, BODY, secret)["type"] == "job.finished"
    for given, body in (
        *((headers(make_secret()), BODY), (headers(secret), BODY + b" ")),
        *((headers(secret, at=-400), BODY), (headers(secret, at=400), BODY)),
    ):
        with pytest.raises(ValueError, match=r"too old|wrong signature"):
            read_event(given, body, secret)


def test_the_shell_example(secret: str, tmp_path: Path) -> None:
    for signers, expected in (
        *(((secret,), "valid"), ((make_secret(), secret), "valid")),
        ((make_secret(),), "invalid"),
    ):
        given = headers(*signers)
        (tmp_path / "body").write_bytes(BODY)
        environ = {
            **os.environ,
            "SECRET": secret,
            "BODY": str(tmp_path / "body"),
            "WEBHOOK_ID": given["webhook-id"],
            "WEBHOOK_TIMESTAMP": given["webhook-timestamp"],
            "WEBHOOK_SIGNATURE": given["webhook-signature"],
        }
        done = subprocess.run(
            ["sh", "-c", example("sh")], env=environ, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected, done.stderr
