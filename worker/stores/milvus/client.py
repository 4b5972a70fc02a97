"""Connects to Milvus, with options suited to the server."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import grpc
from pymilvus import MilvusClient
from pymilvus.client.ts_utils import get_collection_ts

from common.loopback import is_loopback

# Timeout for connecting and reconnecting, in seconds.
CONNECT_TIMEOUT_S = 2.0

# Timeout for asking Milvus's clock, in seconds.
_TIME_TIMEOUT_S = 10.0

# gRPC's option for pings on idle connections.
_IDLE_PINGS = "grpc.keepalive_permit_without_calls"


def connect(uri: str, token: str) -> MilvusClient:
    """Connect to Milvus; the connection is not shared and reconnects automatically.

    Raises:
        MilvusException: Milvus does not answer within ``CONNECT_TIMEOUT_S``.
    """
    # pymilvus logs a traceback for every error that it raises, even those it retries.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    # Milvus Lite treats pymilvus's pings, one every 10 s while idle, as an attack and
    # disconnects (GOAWAY too_many_pings). It listens on loopback, where nothing drops
    # idle connections; connections to other servers need the pings.
    options = {_IDLE_PINGS: 0} if is_loopback(urlsplit(uri).hostname or "") else {}
    return MilvusClient(
        uri, token=token, timeout=CONNECT_TIMEOUT_S, dedicated=True, grpc_options=options
    )


def is_lite(client: MilvusClient) -> bool:
    """Return whether the server is Milvus Lite 2.5, which alone does not report a version.

    Raises:
        MilvusException: Milvus does not answer.
        grpc.RpcError: Milvus does not answer.
    """
    try:
        client.get_server_version(timeout=CONNECT_TIMEOUT_S)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise
        return True
    return False


def written_at(client: MilvusClient, collection: str) -> int:
    """Return the time of this process's latest upsert; 0 before the first.

    By Milvus's clock. pymilvus keeps it, but ``MilvusClient`` does not return it.
    """
    handler, context = client._get_connection(), client._generate_call_context()
    return int(get_collection_ts(collection, handler.server_address, context.get_db_name()))


def present(client: MilvusClient) -> int:
    """Return the time of Milvus's clock, after that of every earlier write; 0 if not supported.

    Raises:
        MilvusException: Milvus does not answer.
    """
    return int(client._get_connection().alloc_timestamp(timeout=_TIME_TIMEOUT_S))


def address_of(uri: str) -> str:
    """Return the host and port of a URI for messages, since the URI may contain a password."""
    parts = urlsplit(uri)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
