"""Translates errors of pymilvus and gRPC: temporarily unavailable, or refused permanently."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from pymilvus import MilvusException
from pymilvus.exceptions import ErrorCode

from common.errors import GlimpseError, StoreError, StoreUnavailable

# Codes for a collection that does not exist or is not loaded; opening it again fixes both.
COLLECTION_LOST = frozenset({100, 101})

# gRPC statuses of calls that will never succeed; all others may be temporary.
_REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)

# Codes of temporary errors, from Milvus's table (merr): service (not ready, overloaded,
# over quota), collections and partitions not loaded, replicas, channels, segments,
# nodes, storage, message queue.
_TEMPORARY = (
    range(1, 110),
    range(200, 210),
    range(400, 700),
    range(900, 1100),
    range(1300, 1400),
)


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Translate the errors of a call to Milvus into those of a store.

    Args:
        address: Address of Milvus without credentials, for messages.

    Raises:
        StoreUnavailable: Milvus does not answer, or is temporarily unable to.
        StoreError: Milvus rejects the call.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise _from_status(address, error.code()) from error
    except MilvusException as error:
        raise _from_milvus(address, error) from error


def _from_status(address: str, status: grpc.StatusCode) -> GlimpseError:
    if status in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return StoreError(f"Milvus at {address} rejects the token; set GLIMPSE_MILVUS_TOKEN.")
    if status in _REFUSALS:
        return StoreError(f"Milvus at {address} rejects the call: {status.name}.")
    return StoreUnavailable(f"Milvus at {address} does not answer: {status.name}.")


def _from_milvus(address: str, error: MilvusException) -> GlimpseError:
    # If pymilvus gave up, the code is gRPC's status; if connecting failed, the cause has it.
    for status in (error.code, _status(error.__cause__)):
        if isinstance(status, grpc.StatusCode):
            return _from_status(address, status)
    if _is_temporary(error):
        return StoreUnavailable(f"Milvus at {address} is unavailable: {error.message}")
    return StoreError(f"Milvus at {address} rejects the call: {error.message}")


def _status(cause: BaseException | None) -> grpc.StatusCode | None:
    return cause.code() if isinstance(cause, grpc.RpcError) else None


def _is_temporary(error: MilvusException) -> bool:
    if error.retriable:
        return True
    # Code 1 is a server's "not ready", but also the code of pymilvus's own errors: those
    # are of a subclass, or wrap an error that is not from Milvus.
    own = type(error) is not MilvusException or error.message.startswith("Unexpected error")
    if error.code == ErrorCode.UNEXPECTED_ERROR and own:
        return False
    return any(error.code in codes for codes in _TEMPORARY)
