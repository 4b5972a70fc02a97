"""Checks Milvus in a process of its own, because the command line knows no store."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.util import find_spec

from cli.service import milvus_address
from cli.stack.worker_command import worker_command
from common.findings import Finding, Part

_PART = Part("milvus")

# Seconds for the process to import pymilvus, connect and ask.
_TIMEOUT_S = 60.0


def look(uri: str) -> list[Finding]:
    """Return what there is to say about the Milvus at an address."""
    if find_spec("pymilvus") is None:
        return [
            _PART.warning(
                "answers",
                "Milvus was not checked, because pymilvus is not installed.",
                "Run this where workers run, or: pip install 'glimpse[worker]'.",
            )
        ]
    command = worker_command("diagnose-store")
    try:
        done = subprocess.run(  # noqa: S603 - our own
            command,
            env={**os.environ, milvus_address.SETTING: uri},
            check=True,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return [_PART.error("answers", "Milvus did not answer in time.", "Check that it runs.")]
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        return [_PART.error("answers", f"Milvus could not be checked: {last}", "See its log.")]
    return [Finding.model_validate(each) for each in json.loads(done.stdout)]
