"""Every error Glimpse raises, as one tree.

    GlimpseError
    ├── InputError                   what the caller sent cannot be used as it is
    │   ├── InvalidRequest           a body, header or parameter is malformed
    │   ├── Unprocessable            well formed, but not acceptable as it is
    │   │   └── IdempotencyKeyReused an idempotency key came with another request before
    │   ├── NotFound                 there is no such image, job or search
    │   ├── Conflict                 another request has in hand what this one is about
    │   │   ├── IdempotencyKeyInProgress an idempotency key
    │   │   └── DeadLetterBusy       a dead letter
    │   ├── Unauthorized             the key is missing, wrong, revoked or expired
    │   ├── Forbidden                the key lacks the scope
    │   │   └── NoKeys               there are no keys, and the caller is not of this machine
    │   ├── RequestTimeout           a request came too slowly
    │   ├── UploadTooLarge           a request is larger than the service takes
    │   ├── UnsupportedMediaType     a body of a type the service does not read
    │   ├── ArchiveError             an archive cannot be read, or not to its end
    │   │   ├── ArchiveBroken        it breaks off or is damaged
    │   │   ├── ArchiveTooLarge      it unpacks to more than an archive may
    │   │   ├── ArchiveUnsupported   it is no zip, tar or tar.gz
    │   │   └── EmptyArchive         there is no picture in it
    │   └── ImageError               one picture cannot be used; its batch goes on
    │       ├── EmptyImage
    │       ├── ImageTooLarge
    │       ├── NotAnImage
    │       ├── UnsupportedFormat
    │       ├── TooManyPixels
    │       └── TruncatedImage
    ├── ServiceError                 a part is away; the same call may succeed later
    │   ├── BrokerUnavailable        Redis does not answer
    │   │   └── BrokerFull           Redis answers, but has no memory left
    │   ├── StoreUnavailable         Milvus does not answer
    │   ├── BlobsUnavailable         the blob store cannot be read or written
    │   │   └── BlobsFull            the blob store has no room left
    │   ├── Overloaded               as much waits as the service takes on
    │   ├── WorkerUnavailable        no worker answered in time
    │   └── ImagesBusy               other tasks have these images in hand
    ├── EncoderError                 the model failed on this input
    ├── Quarantined                  an image was in hand whenever a worker died
    ├── StoreError                   the vector store refused a row or a call for good
    └── SetupError                   the process cannot start as it is configured
        ├── InvalidSettings
        ├── ModelMismatch            encoder and collection disagree
        ├── WeightsUnavailable       the model's weights are nowhere to be had
        └── DataDirBusy              another `glimpse up` runs on the same folder

Each class has a stable ``code``: it reaches callers in problem documents and
in the items of a job, and never changes once released. The message is one
sentence that says what to do.
"""

from __future__ import annotations


class GlimpseError(Exception):
    """Root of every error that Glimpse raises on purpose."""

    code: str = "internal"


class InputError(GlimpseError):
    """What the caller sent cannot be used as it is."""

    code = "invalid_input"


class InvalidRequest(InputError):
    """A body, header or parameter is malformed.

    Args:
        detail: What is wrong, in a sentence.
        errors: One entry for each field at fault: ``{"field", "detail"}``.
        field: Instead, the one at fault: a part or a header; empty is the body as a whole.
    """

    code = "invalid_request"

    def __init__(
        self, detail: str, errors: list[dict[str, str]] | None = None, field: str = ""
    ) -> None:
        super().__init__(detail)
        self.errors = errors or [{"field": field, "detail": detail}]


class Unprocessable(InvalidRequest):
    """A request is well formed, but a value in it is not acceptable."""

    code = "unprocessable"


class IdempotencyKeyReused(Unprocessable):
    """An idempotency key came with another request before."""

    code = "idempotency_key_reused"


class Conflict(InputError):
    """Another request has in hand what this one is about."""

    code = "conflict"
    # Seconds after which a caller may ask again: most requests have ended by then.
    retry_after_s: int = 1


class IdempotencyKeyInProgress(Conflict):
    """Another request with the same idempotency key has not ended yet."""

    code = "idempotency_key_in_progress"


class DeadLetterBusy(Conflict):
    """Another request replays or removes the same dead letter."""

    code = "dead_letter_busy"


class NotFound(InputError):
    """There is no such image, job or search, or it has expired."""

    code = "not_found"


class Unauthorized(InputError):
    """The key is missing, wrong, revoked or expired."""

    code = "unauthorized"


class Forbidden(InputError):
    """The key lacks the scope that the call needs."""

    code = "forbidden"


class NoKeys(Forbidden):
    """There are no keys, and without any the service is not open to this caller."""

    code = "no_keys"


class RequestTimeout(InputError):
    """A request came too slowly to be waited for."""

    code = "request_timeout"

    def __init__(self) -> None:
        super().__init__("The request came too slowly; send it again, and faster.")


class UploadTooLarge(InputError):
    """A request is larger than the service takes."""

    code = "too_large"


class UnsupportedMediaType(InputError):
    """A request's body is of a type that the service does not read."""

    code = "unsupported_media_type"


class ArchiveError(InputError):
    """An archive cannot be read, or not to its end; its members so far stay as they are."""

    code = "truncated"


class ArchiveBroken(ArchiveError):
    """The archive breaks off or is damaged, and what follows cannot be found."""

    code = "truncated"


class ArchiveTooLarge(ArchiveError):
    """The archive has more members, or unpacks to more bytes, than an archive may."""

    code = "too_large"


class ArchiveUnsupported(ArchiveError):
    """The bytes are no archive of a kind that Glimpse reads."""

    code = "unsupported_format"


class EmptyArchive(ArchiveError):
    """There is no picture in the archive."""

    code = "empty"


class ImageError(InputError):
    """One picture cannot be used; the rest of its batch goes on."""

    code = "not_an_image"


class EmptyImage(ImageError):
    """The upload has no bytes."""

    code = "empty"


class ImageTooLarge(ImageError):
    """The upload has more bytes than one picture may have."""

    code = "too_large"


class NotAnImage(ImageError):
    """The bytes are no picture of any format."""

    code = "not_an_image"


class UnsupportedFormat(ImageError):
    """The bytes are a picture in a format that Glimpse does not open."""

    code = "unsupported_format"


class TooManyPixels(ImageError):
    """The picture has more pixels than one picture may have."""

    code = "too_many_pixels"


class TruncatedImage(ImageError):
    """The picture breaks off or is damaged."""

    code = "truncated"


class ServiceError(GlimpseError):
    """A part of the service is away; the same call may succeed later."""

    code = "unavailable"
    # Seconds after which a caller may try again: what is away is often back at once.
    retry_after_s: int = 5


class BrokerUnavailable(ServiceError):
    """Redis does not answer."""

    code = "broker_unavailable"


class BrokerFull(BrokerUnavailable):
    """Redis answers, but has no memory left for what it should keep."""

    code = "overloaded"
    # Room comes from work that ends and records that expire, which takes a while.
    retry_after_s = 60


class StoreUnavailable(ServiceError):
    """Milvus does not answer."""

    code = "store_unavailable"


class BlobsUnavailable(ServiceError):
    """The blob store cannot be read or written."""

    code = "blobs_unavailable"


class BlobsFull(BlobsUnavailable):
    """The blob store has no room left."""

    code = "insufficient_storage"
    # Somebody has to make room.
    retry_after_s = 60


class Overloaded(ServiceError):
    """As much waits as the service takes on; what is in hand comes first.

    Args:
        detail: What waits, in a sentence.
        retry_after_s: Seconds after which there should be room again.
    """

    code = "overloaded"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class WorkerUnavailable(ServiceError):
    """No worker answered in time."""

    code = "worker_unavailable"


class ImagesBusy(ServiceError):
    """Other tasks have these images in hand; they will have outcomes soon."""

    code = "images_busy"


class Quarantined(GlimpseError):
    """An image was in hand whenever a worker died, and is not tried any more."""

    code = "quarantined"


class EncoderError(GlimpseError):
    """The model failed on this input."""

    code = "encoder_error"


class StoreError(GlimpseError):
    """The vector store refused a row or a call for good."""

    code = "store_error"


class SetupError(GlimpseError):
    """The process cannot start as it is configured."""

    code = "setup_error"


class InvalidSettings(SetupError):
    """A setting is unknown or its value cannot be used."""

    code = "invalid_settings"


class ModelMismatch(SetupError):
    """The encoder's vectors do not fit the collection's."""

    code = "model_mismatch"


class WeightsUnavailable(SetupError):
    """The model's weights are nowhere to be had; the message names every place."""

    code = "weights_unavailable"


class DataDirBusy(SetupError):
    """Another ``glimpse up`` runs on the same data folder."""

    code = "data_dir_busy"
