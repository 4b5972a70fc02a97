"""Translation of Milvus's errors: temporarily unavailable, or permanently refused."""

from __future__ import annotations

import grpc
import pytest
from pymilvus import DataType, MilvusException
from pymilvus.exceptions import DataNotMatchException, DescribeCollectionException

from common.errors import GlimpseError, ModelMismatch, StoreError, StoreUnavailable
from worker.stores.milvus.client import address_of
from worker.stores.milvus.errors import translated


class Status(grpc.RpcError):
    """A gRPC error, as a call raises it."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__()
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code


def of(error: Exception) -> GlimpseError:
    with pytest.raises(GlimpseError) as raised, translated("milvus:19530"):
        raise error
    assert raised.value.__cause__ is error
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        Status(grpc.StatusCode.UNAVAILABLE),
        Status(grpc.StatusCode.DEADLINE_EXCEEDED),
        Status(grpc.StatusCode.CANCELLED),
        Status(grpc.StatusCode.RESOURCE_EXHAUSTED),
        MilvusException(grpc.StatusCode.UNAVAILABLE, "Retry timeout"),
        MilvusException(1, "service not ready[standalone=starting]"),
        MilvusException(2, "Fail connecting to server"),
        MilvusException(8, "rate limit exceeded"),
        MilvusException(9, "quota exceeded: memory"),
        MilvusException(101, "collection not loaded"),
        DescribeCollectionException(106, "collection on recovering"),
        MilvusException(503, "channel not available"),
        MilvusException(901, "node not found"),
        MilvusException(1001, "IO failed"),
        MilvusException(65535, "some new trouble", retriable=True),
    ],
    ids=str,
)
def test_what_may_pass_is_unavailable(error: Exception) -> None:
    assert type(of(error)) is StoreUnavailable


@pytest.mark.parametrize(
    "error",
    [
        Status(grpc.StatusCode.INVALID_ARGUMENT),
        Status(grpc.StatusCode.UNIMPLEMENTED),
        MilvusException(grpc.StatusCode.UNIMPLEMENTED, "Retry run out"),
        MilvusException(1100, "invalid parameter"),
        MilvusException(65535, "cannot parse expression"),
        MilvusException(1, "Unexpected error, message=<'tags'>"),
        DataNotMatchException(message="field should be a varchar"),
    ],
    ids=str,
)
def test_what_will_not_pass_is_an_error(error: Exception) -> None:
    assert type(of(error)) is StoreError


def test_a_refused_token_names_the_setting() -> None:
    refused = MilvusException(2, "Fail connecting to server")
    refused.__cause__ = Status(grpc.StatusCode.UNAUTHENTICATED)
    error = of(refused)
    assert type(error) is StoreError
    assert "GLIMPSE_MILVUS_TOKEN" in str(error)
    assert "milvus:19530" in str(error)


def test_what_is_not_milvus_s_passes_through() -> None:
    for error in (ModelMismatch("other"), ValueError(DataType.JSON)):
        with pytest.raises(type(error)) as raised, translated("milvus:19530"):
            raise error
        assert raised.value is error


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("http://127.0.0.1:19530", "127.0.0.1:19530"),
        ("https://user:secret@cluster.zillizcloud.com:443/db", "cluster.zillizcloud.com:443"),
        ("http://token@milvus", "milvus"),
    ],
)
def test_an_address_holds_no_credentials(uri: str, address: str) -> None:
    assert address_of(uri) == address
