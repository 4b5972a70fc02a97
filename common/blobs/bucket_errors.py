"""Errors of an object store, translated into those of a blob store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from common.errors import BlobsFull, BlobsUnavailable

# Codes of a store, or of a quota, without room.
_FULL = frozenset(
    {"InsufficientStorage", "QuotaExceeded", "ServiceQuotaExceeded", "XMinioStorageFull"}
    | {"XMinioAdminBucketQuotaExceeded"}
)
# Codes of an object that is not there; the answer to HEAD has no code but the status.
_MISSING = frozenset({"NoSuchKey", "NotFound", "404"})


class BrokenAnswer(BotoCoreError):  # type: ignore[misc]  # botocore has no types
    """An answer broke off, and the client did not notice: its headers or elements are missing."""

    fmt = "The answer broke off."


class InvalidEndpoint(BotoCoreError):  # type: ignore[misc]
    """The store's address is none, for which botocore raises a bare ``ValueError``."""

    fmt = "The address is invalid."


@contextmanager
def bucket_errors() -> Iterator[None]:
    """Translate errors of the client into ``BlobsUnavailable``."""
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError, ResponseParserError) as error:
        raise _translated(error) from error


def code_of(error: BaseException | None) -> str:
    """Return the object store's code for an error, or the name of the client's exception."""
    if isinstance(error, Boto3Error) and error.__context__ is not None:
        # An upload in parts wraps what failed.
        error = error.__context__
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__


def is_missing(error: Exception) -> bool:
    """Return whether an error says that there is no such object."""
    return isinstance(error, ClientError) and code_of(error) in _MISSING


def is_past_the_end(error: Exception) -> bool:
    """Return whether an error says that the bytes that were asked for are past the end."""
    return isinstance(error, ClientError) and code_of(error) in ("InvalidRange", "416")


def _translated(error: Exception) -> BlobsUnavailable:
    """Return the error for callers, who must not see the names of bucket and object."""
    code = code_of(error)
    status = 0
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _FULL or status == HTTPStatus.INSUFFICIENT_STORAGE:
        return BlobsFull(f"The object store is full: {code}. Free some space, then try again.")
    return BlobsUnavailable(f"The object store cannot be used: {code}. Try again later.")
