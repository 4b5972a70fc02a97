"""A bucket of an object store that speaks S3: the calls that the blob store needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from boto3.s3.transfer import TransferConfig
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from common.blobs.bucket_client import ATTEMPTS, connect
from common.blobs.bucket_errors import BrokenAnswer, bucket_errors, is_missing, is_past_the_end
from common.blocking import blocking
from common.errors import BlobsUnavailable

Found = TypeVar("Found")

# Bytes from which a file is uploaded in parts, and bytes of a part: at most four are sent at once.
_MULTIPART_BYTES, _PART_BYTES, _PARTS_AT_ONCE = 64 * 1024**2, 16 * 1024**2, 4


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a list: its key, its size, and when it was written.

    Attributes:
        key: Its key.
        bytes: Its size.
        at: When it was written, in whole seconds since 1970.
    """

    key: str
    bytes: int
    at: float


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of an object.

    Attributes:
        data: The bytes that were asked for.
        bytes: Bytes of the whole object.
        at: When it was written, in whole seconds since 1970.
        now: The time at the object store, likewise.
    """

    data: bytes
    bytes: int
    at: float
    now: float


class Bucket:
    """Reads and writes the objects of a bucket; thread-safe.

    Address, region and credentials come from the standard chain: AWS_* variables, the files in
    ~/.aws, or the machine's role. A process connects on its first call, so it may be forked before.

    Every method raises ``BlobsUnavailable``, or its subclass ``BlobsFull``, if the object store
    cannot be used.

    Args:
        name: The bucket.
        prefix: Begins the name of every object; keys are without it.
    """

    def __init__(self, name: str, prefix: str = "") -> None:
        self.name = name
        self.prefix = prefix
        self._lock = threading.Lock()
        self._connected: tuple[Any, URLLib3Session] | None = None

    def get(self, key: str, first: int = 0, count: int | None = None) -> Content | None:
        """Return an object's bytes, or None if there is no such object.

        Args:
            key: The object.
            first: The first byte to return.
            count: The number of bytes to return at most; None returns all from the first.
        """
        last = "" if count is None else first + count - 1
        span = {} if not first and count is None else {"Range": f"bytes={first}-{last}"}
        with blocking(), bucket_errors():
            try:
                return self._whole(_content, "get_object", key, **span)
            except Exception as error:
                if is_missing(error):
                    return None
                if is_past_the_end(error):
                    return Content(b"", 0, 0.0, 0.0)
                raise

    def time_of(self, key: str) -> float | None:
        """Return when an object was written, or None if there is no such object."""
        with blocking(), bucket_errors():
            try:
                return self._whole(_time, "head_object", key)
            except Exception as error:
                if is_missing(error):
                    return None
                raise

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        with blocking(), bucket_errors():
            self._call("put_object", key, Body=data)

    def upload(self, key: str, path: Path) -> None:
        """Write an object from a file; a large one in parts, and several parts at once."""
        with blocking(), bucket_errors():
            if path.stat().st_size < _MULTIPART_BYTES:
                with path.open("rb") as file:
                    self._call("put_object", key, Body=file)
                return
            in_parts = TransferConfig(
                multipart_threshold=_MULTIPART_BYTES,
                multipart_chunksize=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
            self._client.upload_file(str(path), self.name, self.prefix + key, Config=in_parts)
            # The answer to the last request begins before the object is complete.
            self._whole(_time, "head_object", key)

    def copy(self, source: str, target: str) -> bool:
        """Copy an object within the store; return whether there was one.

        Onto itself, this renews the object's time.
        """
        # Without a new value for its metadata, an object cannot be copied onto itself.
        renewed = {"MetadataDirective": "REPLACE"} if source == target else {}
        origin = {"Bucket": self.name, "Key": self.prefix + source}
        with blocking(), bucket_errors():
            try:
                self._whole(_copied, "copy_object", target, CopySource=origin, **renewed)
            except Exception as error:
                if is_missing(error):
                    return False
                raise
        return True

    def delete(self, key: str) -> None:
        """Remove an object; does nothing if there is none."""
        with blocking(), bucket_errors():
            self._call("delete_object", key)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Iterate over the objects whose keys begin with a prefix, in the order of their keys."""
        with bucket_errors():
            for page in self._pages("list_objects_v2", prefix):
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self.prefix)
                    yield Entry(key, found["Size"], _seconds(found["LastModified"]))

    def abort_uploads(self, prefix: str, before: float) -> None:
        """Abort uploads in parts that began before a time and have not been completed."""
        with bucket_errors():
            for page in self._pages("list_multipart_uploads", prefix):
                for found in page.get("Uploads", ()):
                    if found["Initiated"].timestamp() < before:
                        key = found["Key"].removeprefix(self.prefix)
                        self._call("abort_multipart_upload", key, UploadId=found["UploadId"])

    def signed_url(self, key: str, expires_s: int, headers: Mapping[str, str]) -> str:
        """Return an address at which anyone may read an object for a while.

        Args:
            key: The object.
            expires_s: Seconds that the address is valid.
            headers: Headers of the answer, by the names of S3's parameters.
        """
        return self._sign("get_object", key, expires_s, headers)

    def deletion(self, key: str, expires_s: int) -> Callable[[], None]:
        """Return a function that removes an object, and that the store refuses after a while.

        The request is signed here and now, so a process that freezes before it sends it deletes
        nothing once it resumes. Call it before looking at what the deletion depends on.

        Args:
            key: The object.
            expires_s: Seconds that the request is valid.
        """
        url = self._sign("delete_object", key, expires_s, {})

        def delete() -> None:
            with blocking(), bucket_errors():
                answer = self._send("DELETE", url)
            if answer.status_code not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT, 404):
                raise BlobsUnavailable(
                    f"The object store refused to delete a blob within {expires_s} s: status "
                    f"{answer.status_code}. Try again later."
                )

        return delete

    @property
    def _client(self) -> Any:
        return self._connection()[0]

    def _connection(self) -> tuple[Any, URLLib3Session]:
        with self._lock:
            if self._connected is None:
                self._connected = connect()
            return self._connected

    def _call(self, operation: str, key: str, **parameters: object) -> Any:
        call = getattr(self._client, operation)
        return call(Bucket=self.name, Key=self.prefix + key, **parameters)

    def _whole(
        self, read: Callable[[Any], Found], operation: str, key: str, **parameters: object
    ) -> Found:
        """Return what is in an answer; the client repeats a request, but not its reading."""
        for _ in range(ATTEMPTS - 1):
            answer = self._call(operation, key, **parameters)
            with suppress(BotoCoreError):
                return read(answer)
        return read(self._call(operation, key, **parameters))

    def _pages(self, operation: str, prefix: str) -> Iterator[Any]:
        pages = self._client.get_paginator(operation)
        for page in pages.paginate(Bucket=self.name, Prefix=self.prefix + prefix):
            if "IsTruncated" not in page:
                raise BrokenAnswer
            yield page

    def _sign(self, operation: str, key: str, expires_s: int, more: Mapping[str, str]) -> str:
        parameters = {"Bucket": self.name, "Key": self.prefix + key, **more}
        with bucket_errors():
            url = self._client.generate_presigned_url(operation, parameters, ExpiresIn=expires_s)
        return str(url)

    def _send(self, method: str, url: str) -> Any:
        for _ in range(ATTEMPTS - 1):
            try:
                answer = self._connection()[1].send(AWSRequest(method=method, url=url).prepare())
            except BotoCoreError:
                continue
            if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                return answer
        return self._connection()[1].send(AWSRequest(method=method, url=url).prepare())


def _content(answer: Any) -> Content:
    """Return the bytes in an answer; raises ``BotoCoreError`` if it broke off."""
    data, headers = answer["Body"].read(), answer["ResponseMetadata"]["HTTPHeaders"]
    # Headers may be missing too, and without a length the client does not notice missing bytes.
    if len(data) != answer.get("ContentLength") or "date" not in headers:
        raise BrokenAnswer
    # "bytes 0-9/100", or absent for a whole object.
    total = answer.get("ContentRange", f"/{len(data)}").rpartition("/")[2]
    now = _seconds(parsedate_to_datetime(headers["date"]))
    return Content(data, int(total), _time(answer), now)


def _time(answer: Any) -> float:
    """Return when an object was written; raises ``BotoCoreError`` if the answer broke off."""
    if "LastModified" not in answer:
        raise BrokenAnswer
    return _seconds(answer["LastModified"])


def _copied(answer: Any) -> None:
    """Raise ``BotoCoreError`` if an answer broke off: it begins before the copy is complete."""
    if not answer.get("CopyObjectResult", {}).get("ETag"):
        raise BrokenAnswer


def _seconds(time: datetime) -> float:
    """Return a time in whole seconds since 1970: lists and headers differ in what is below."""
    return float(int(time.timestamp()))
