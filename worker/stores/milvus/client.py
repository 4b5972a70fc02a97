"""A connection to Milvus, tuned to what stands behind the address."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import grpc
from pymilvus import MilvusClient

from common.loopback import is_loopback

# Seconds that connecting, and connecting again after a break, may take.
CONNECT_TIMEOUT_S = 2.0

# gRPC's switch for pings on a connection that carries no call.
_IDLE_PINGS = "grpc.keepalive_permit_without_calls"


def connect(uri: str, token: str) -> MilvusClient:
    """Connect to Milvus; the connection is the caller's alone and mends itself.

    Raises:
        MilvusException: Milvus does not answer within ``CONNECT_TIMEOUT_S``.
    """
    # pymilvus writes a traceback for every error that it also raises, each retry's too.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    # Milvus Lite takes pymilvus's pings, one every 10 s while idle, for an attack and
    # hangs up (GOAWAY too_many_pings). It is served on loopback, where nothing drops
    # idle connections; a server elsewhere may be pinged, and should be.
    options = {_IDLE_PINGS: 0} if is_loopback(urlsplit(uri).hostname or "") else {}
    return MilvusClient(
        uri, token=token, timeout=CONNECT_TIMEOUT_S, dedicated=True, grpc_options=options
    )


def is_lite(client: MilvusClient) -> bool:
    """Tell whether Milvus Lite 2.5 answers: it alone cannot tell its version.

    Raises:
        MilvusException: Milvus does not answer.
        grpc.RpcError: The same.
    """
    try:
        client.get_server_version(timeout=CONNECT_TIMEOUT_S)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise
        return True
    return False


def address_of(uri: str) -> str:
    """Return host and port of a URI, which may hold a password, for messages."""
    parts = urlsplit(uri)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
