"""Findings of a diagnosis: facts about a running service, and what to do about them."""

from __future__ import annotations

from typing import Literal

from common.contract import Message

# The worst last.
Level = Literal["ok", "warning", "error"]


class Finding(Message):
    """One fact.

    Attributes:
        part: What it is about: redis, milvus, blobs, workers or api.
        check: Stable name of what was checked, unique within the part.
        level: "error" if the service does not work or may lose data, "warning" if it may not work
            well.
        text: The fact, as a sentence.
        advice: What to do about it; empty if it is fine, or if the text says so.
    """

    part: str
    check: str
    level: Level
    text: str
    advice: str = ""


class Part:
    """Makes the findings of one part.

    Args:
        name: Name of the part.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def ok(self, check: str, text: str) -> Finding:
        """Return a fact that is fine."""
        return Finding(part=self._name, check=check, level="ok", text=text)

    def warning(self, check: str, text: str, advice: str) -> Finding:
        """Return a fact that may cost performance or safety."""
        return Finding(part=self._name, check=check, level="warning", text=text, advice=advice)

    def error(self, check: str, text: str, advice: str = "") -> Finding:
        """Return a fact that keeps the service from working, or may lose data."""
        return Finding(part=self._name, check=check, level="error", text=text, advice=advice)
