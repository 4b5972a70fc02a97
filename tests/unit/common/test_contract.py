"""Versions of payloads: what an older and what a newer worker does with one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from common.contract import CatalogListRequest, IngestArchive, IngestChunk, Payload


def payloads(base: type[Payload] = Payload) -> Iterator[type[Payload]]:
    for kind in base.__subclasses__():
        yield kind
        yield from payloads(kind)


def at_fault(kind: type[Payload], version: int) -> bool:
    """Return whether a payload of this version is refused for its version."""
    try:
        kind.model_validate({"version": version, "later": "field"})
    except ValidationError as error:
        return any(entry["loc"] == ("version",) for entry in error.errors())
    return False


@pytest.mark.parametrize("kind", list(payloads()), ids=lambda kind: kind.__name__)
def test_a_worker_reads_all_versions_up_to_its_own(kind: type[Payload]) -> None:
    # The version sent may be an earlier one, if older workers can run the task.
    newest = max(each.le for each in kind.model_fields["version"].metadata if hasattr(each, "le"))
    assert kind.model_fields["version"].default <= newest
    assert not any(at_fault(kind, version) for version in range(1, newest + 1))
    assert at_fault(kind, newest + 1)


def test_the_versions_that_are_sent() -> None:
    versions = {kind: kind.model_fields["version"].default for kind in payloads()}
    assert {kind for kind, version in versions.items() if version > 1} == {
        IngestChunk,
        IngestArchive,
        CatalogListRequest,
    }
