"""What pymilvus and gRPC raise, told apart: away for now, or refused for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from pymilvus import MilvusException
from pymilvus.exceptions import ErrorCode

from common.errors import GlimpseError, StoreError, StoreUnavailable

# A collection that is gone, or not in memory: opening it again puts it right.
COLLECTION_LOST = frozenset({100, 101})

# gRPC's answers to a call that will never succeed; all others may pass.
_REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)

# Codes of a Milvus that cannot do it now, from its table of errors (merr): service
# (not ready, overloaded, over quota), collections and partitions not loaded,
# replicas, channels, segments, nodes, storage, message queue.
_PASSING = (
    range(1, 110),
    range(200, 210),
    range(400, 700),
    range(900, 1100),
    range(1300, 1400),
)


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Turn what a call to Milvus raises into the errors of a store.

    Args:
        address: Where Milvus is, without credentials, for the message.

    Raises:
        StoreUnavailable: Milvus does not answer, or cannot do it now.
        StoreError: It refuses for good.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise _from_status(address, error.code()) from error
    except MilvusException as error:
        raise _from_milvus(address, error) from error


def _from_status(address: str, status: grpc.StatusCode) -> GlimpseError:
    if status in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return StoreError(f"Milvus at {address} refuses the token; set GLIMPSE_MILVUS_TOKEN.")
    if status in _REFUSALS:
        return StoreError(f"Milvus at {address} refuses the call: {status.name}.")
    return StoreUnavailable(f"Milvus at {address} does not answer: {status.name}.")


def _from_milvus(address: str, error: MilvusException) -> GlimpseError:
    # A call given up by pymilvus carries gRPC's status, a failed connection its cause.
    for status in (error.code, _status(error.__cause__)):
        if isinstance(status, grpc.StatusCode):
            return _from_status(address, status)
    if _passes(error):
        return StoreUnavailable(f"Milvus at {address} cannot do it now: {error.message}")
    return StoreError(f"Milvus at {address} refuses the call: {error.message}")


def _status(cause: BaseException | None) -> grpc.StatusCode | None:
    return cause.code() if isinstance(cause, grpc.RpcError) else None


def _passes(error: MilvusException) -> bool:
    if error.retriable:
        return True
    # Code 1 is a server's "not ready", and what pymilvus gives to its own refusals:
    # those are of a class of their own, or wrap an error that is not Milvus's.
    own = type(error) is not MilvusException or error.message.startswith("Unexpected error")
    if error.code == ErrorCode.UNEXPECTED_ERROR and own:
        return False
    return any(error.code in codes for codes in _PASSING)
