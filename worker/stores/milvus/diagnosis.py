"""Diagnoses a Milvus: version, latency, and the health of each collection."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from pymilvus import MilvusClient

from common.errors import GlimpseError
from common.findings import Finding, Part
from common.settings import Settings
from worker.stores.identity import Identity
from worker.stores.milvus.client import address_of, connect, is_lite
from worker.stores.milvus.definition import Server
from worker.stores.milvus.errors import translated
from worker.stores.milvus.schema import VECTOR

_PART = Part("milvus")

# Timeout of a call, in seconds.
_CALL_TIMEOUT_S = 10.0
# Seconds of a read of all writes from which searches right after a job are slow.
_STRONG_S_MAX = 0.5
# Rows that Milvus has not indexed yet, as a share of all, from which searches are slow.
_PENDING_MAX = 0.1


def diagnose(settings: Settings) -> list[Finding]:
    """Return what there is to say about the Milvus in the settings."""
    address = address_of(settings.milvus_uri)
    findings: list[Finding] = []
    try:
        with translated(address):
            findings += _look(settings, address)
    except GlimpseError as error:
        advice = "Check that it runs, and GLIMPSE_MILVUS_URI and GLIMPSE_MILVUS_TOKEN."
        findings.append(_PART.error("answers", str(error), advice))
    return findings


def _look(settings: Settings, address: str) -> Iterator[Finding]:
    client = connect(settings.milvus_uri, settings.milvus_token)
    try:
        lite = is_lite(client)
        name = "Milvus Lite" if lite else f"Milvus {Server.of(client, lite=lite).name}"
        yield _PART.ok("answers", f"{name} at {address}.")
        collections = [
            (found, identity)
            for found in client.list_collections(timeout=_CALL_TIMEOUT_S)
            if (identity := _identity(client, found)) is not None
        ]
        if not collections:
            yield _PART.ok("collections", "No collection yet: the first worker creates it.")
        for collection, identity in collections:
            yield from _collection(client, collection, identity, settings)
    finally:
        client.close()


def _identity(client: MilvusClient, collection: str) -> Identity | None:
    described = client.describe_collection(collection, timeout=_CALL_TIMEOUT_S)
    return Identity.read(described["description"])


def _collection(
    client: MilvusClient, collection: str, identity: Identity, settings: Settings
) -> Iterator[Finding]:
    check = f"collection of {identity.encoder}"
    state = str(client.get_load_state(collection, timeout=_CALL_TIMEOUT_S)["state"])
    if state != "Loaded":
        yield _PART.warning(
            check,
            f"{collection} is not loaded ({state}).",
            "Start a worker of its model, which loads it; see Milvus's memory if it stays so.",
        )
        return
    index = client.describe_index(collection, VECTOR, timeout=_CALL_TIMEOUT_S)
    started = time.perf_counter()
    found = client.query(
        collection,
        filter="",
        output_fields=["count(*)"],
        consistency_level="Strong",
        timeout=_CALL_TIMEOUT_S,
    )
    strong_s = time.perf_counter() - started
    rows = int(found[0]["count(*)"])
    yield _PART.ok(check, f"{collection}: {rows:,} rows, {index['index_type']}, loaded.")
    yield from _pending(collection, index)
    yield _freshness(identity.encoder, strong_s, settings)


def _pending(collection: str, index: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding if much is not indexed yet; Milvus Lite does not tell."""
    total, pending = int(index.get("total_rows", 0)), int(index.get("pending_index_rows", 0))
    if total and pending / total > _PENDING_MAX:
        yield _PART.warning(
            f"index of {collection}",
            f"{pending:,} of {total:,} rows are not indexed yet.",
            "Wait; if the number does not fall, see the log of Milvus's index node.",
        )


def _freshness(model: str, strong_s: float, settings: Settings) -> Finding:
    """Return how long a read that sees all writes takes: a tick of the server's clock."""
    text = f"A read of everything written takes {1000 * strong_s:.0f} ms."
    if strong_s > _STRONG_S_MAX:
        advice = "Lower Milvus's `proxy.timeTickInterval`"
        if settings.consistency == "strong":
            advice += ", or set GLIMPSE_CONSISTENCY=marks"
        return _PART.warning(f"freshness of {model}", text, f"{advice}; see docs/operations.md.")
    return _PART.ok(f"freshness of {model}", text)
