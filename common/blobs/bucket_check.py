"""The check of a bucket when a process starts: it exists, and may be used as the service does."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from botocore.exceptions import (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from common.blobs.bucket import Bucket
from common.blobs.bucket_errors import code_of
from common.errors import BlobsMisconfigured, BlobsUnavailable

# What is done with a bucket: the action, with the right that it needs, and a call.
Steps = Sequence[tuple[str, Callable[[], object]]]

_ENDPOINT = "AWS_ENDPOINT_URL_S3 is not the address of an object store. Write http://HOST:PORT, or https://."
# What to do about each code of an object store that stays until somebody changes something.
_ADVICE = {
    "NoSuchBucket": "There is no such bucket. Create it, or name another.",
    "InvalidAccessKeyId": "The access key is unknown. Check AWS_ACCESS_KEY_ID.",
    "SignatureDoesNotMatch": "The secret is wrong. Check AWS_SECRET_ACCESS_KEY.",
    "ExpiredToken": "The session's token has expired. Renew the credentials.",
    "InvalidToken": "The session's token is invalid. Check AWS_SESSION_TOKEN.",
    "RequestTimeTooSkewed": "This machine's clock is wrong. Set it.",
    "AuthorizationHeaderMalformed": "The bucket is in another region. Set AWS_REGION.",
    "PermanentRedirect": "The bucket is in another region. Set AWS_REGION.",
    "InvalidRegionError": "AWS_REGION or AWS_DEFAULT_REGION is no name of a region. Correct it.",
    "InvalidEndpoint": _ENDPOINT,
    "EndpointResolutionError": _ENDPOINT,
    "ConfigParseError": "The file of AWS_CONFIG_FILE, or ~/.aws/config, is invalid. Correct it.",
}
_NOT_ALLOWED = frozenset({"AccessDenied", "AllAccessDisabled", "403", "Forbidden"})
_NO_CREDENTIALS = frozenset(
    error.__name__
    for error in (
        *(NoCredentialsError, PartialCredentialsError),
        *(CredentialRetrievalError, ProfileNotFound),
    )
)


def check_bucket(bucket: Bucket) -> None:
    """Use a bucket once in every way, and leave nothing in it.

    Raises:
        BlobsMisconfigured: The bucket cannot be used until somebody changes something; the message
            says what.
        BlobsUnavailable: The object store does not answer.
    """
    key = f"incoming/check-{secrets.token_hex(8)}"
    steps: Steps = (
        ("list (s3:ListBucket)", lambda: next(bucket.entries("incoming/"), None)),
        ("write (s3:PutObject)", lambda: bucket.put(key, b"check")),
        ("read (s3:GetObject)", lambda: bucket.get(key)),
        ("delete (s3:DeleteObject)", lambda: bucket.delete(key)),
        (
            "abort uploads (s3:ListBucketMultipartUploads, s3:AbortMultipartUpload)",
            lambda: bucket.abort_uploads("incoming/", time.time()),
        ),
    )
    require_rights(f"The blobs cannot be kept in s3://{bucket.name}/{bucket.prefix}", steps)


def require_rights(problem: str, steps: Steps) -> None:
    """Use a bucket.

    Args:
        problem: Begins the message of an error.
        steps: What to do, with the right that each needs.

    Raises:
        BlobsMisconfigured: It cannot be used until somebody changes something; the message says
            what.
        BlobsUnavailable: The object store does not answer.
    """
    for action, step in steps:
        try:
            step()
        except BlobsUnavailable as error:
            advice = _advice(code_of(error.__cause__), action)
            if advice is None:
                raise
            raise BlobsMisconfigured(f"{problem}: {advice}") from error


def _advice(code: str, action: str) -> str | None:
    """Return what to do about a code; None if it may pass by itself."""
    if code in _NOT_ALLOWED:
        return f"The credentials do not allow to {action}. Allow it."
    if code in _NO_CREDENTIALS:
        return (
            "There are no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give"
            " this machine a role."
        )
    return _ADVICE.get(code)
