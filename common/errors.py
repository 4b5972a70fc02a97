"""Every error Glimpse raises, as one tree.

    GlimpseError
    ├── InputError                   the caller's input is not acceptable
    │   ├── InvalidRequest           a body, header or parameter is malformed
    │   ├── Unprocessable            well-formed, but a value is not acceptable
    │   │   ├── NoThreshold          the noise of a query is not known for the model
    │   │   ├── IdempotencyKeyReused the idempotency key was used with a different request
    │   │   └── InputFailed          inputs of a request cannot be embedded
    │   ├── NotFound                 no such image, job, search or dead letter
    │   │   └── BytesMissing         an indexed image's bytes are not in the blob store
    │   ├── Conflict                 the state of a resource does not allow the request
    │   │   ├── IdempotencyKeyInProgress a request with this idempotency key is in progress
    │   │   ├── DeadLetterBusy       the dead letter is being replayed or removed
    │   │   ├── JobNotOpen           the job was not opened for requests to add images
    │   │   ├── JobCancelled         the job was cancelled and takes no more images
    │   │   ├── JobComplete          the job is complete and takes no more images
    │   │   ├── NoWebhookSecret      the tenant has no secret that signs webhooks
    │   │   ├── ModelActive          the model is active, but must not be
    │   │   ├── ModelHasWorkers      workers of the model are running, but must not
    │   │   ├── ModelHasNoWorker     no worker of the model is running
    │   │   ├── ReindexRunning       a reindex is running
    │   │   └── SwitchRunning        a switch of the active model is in progress
    │   ├── Unauthorized             the key is missing, wrong, revoked or expired
    │   ├── Forbidden                the key lacks the required scope
    │   │   ├── NoKeys               no keys exist, and the caller is on another machine
    │   │   └── QuotaExceeded        the tenant has as many images as its quota allows
    │   ├── RequestTimeout           the request arrived too slowly
    │   ├── UploadTooLarge           the request exceeds the size limit
    │   ├── UnsupportedMediaType     the body's media type is not supported
    │   ├── ArchiveError             an archive cannot be read to its end
    │   │   ├── ArchiveBroken        it is truncated or damaged
    │   │   ├── ArchiveTooLarge      it exceeds a limit when unpacked
    │   │   ├── ArchiveUnsupported   it is not a zip, tar or tar.gz
    │   │   └── EmptyArchive         it contains no pictures
    │   └── ImageError               one picture is unusable; the rest of its upload continues
    │       ├── EmptyImage
    │       ├── ImageTooLarge
    │       ├── NotAnImage
    │       ├── UnsupportedFormat
    │       ├── TooManyPixels
    │       ├── TruncatedImage       its data breaks off or is damaged
    │       ├── DecoderFailed        it appears to be whole, but its decoder failed
    │       └── DecodingTooLong      it takes more processor time than is permitted
    ├── ServiceError                 a dependency is unavailable; retrying may succeed
    │   ├── BrokerUnavailable        Redis does not answer
    │   │   └── BrokerFull           Redis is out of memory
    │   ├── StoreUnavailable         Milvus does not answer
    │   ├── BlobsUnavailable         the blob store cannot be read or written
    │   │   ├── BlobsFull            the blob store is full
    │   │   └── BucketShared         another service uses the same bucket
    │   ├── Overloaded               the backlog or the number of requests is at its limit
    │   │   └── TenantOverloaded     the tenant's own backlog is at its limit
    │   ├── DeviceUnavailable        the device that runs the model cannot be used
    │   │   ├── DeviceFull           it has too little free memory
    │   │   └── DeviceLost           it failed, and is lost to this process
    │   ├── DecoderDied              the process that decoded an image died
    │   ├── DecodersUnavailable      a process that decodes cannot be started
    │   ├── WorkerUnavailable        no worker answered in time
    │   └── ImagesBusy               other tasks are processing these images
    ├── EncoderError                 the model failed on this input
    ├── Quarantined                  the processes that worked on the image died each time
    ├── StoreError                   the vector store rejected a row or a call permanently
    │   └── CopyDiffers              a copied row differs from its original
    ├── BackupDamaged                an object of a backup is missing or not as it was written
    └── SetupError                   the process cannot start with its configuration
        ├── InvalidSettings
        ├── BrokerMisconfigured      Redis or a sentinel refuses the settings
        ├── BlobsMisconfigured       the blob store cannot be used with the settings
        ├── ModelMismatch            encoder and collection do not match
        ├── IndexUnsupported         this Milvus lacks an index or a feature in the settings
        ├── SchemaNewer              the data is of a newer version of Glimpse
        ├── CopyUnfinished           the collection is a copy that is not finished
        ├── MigrationRefused         the target or the state of the service forbids a migration
        ├── BackupRefused            the service or the repository cannot be used for a backup
        ├── RestoreRefused           the backup or the state of the service forbids a restore
        ├── WeightsUnavailable       the model's weights were not found in any location
        └── DataDirBusy              another `glimpse up` is using the same folder

Each class has a stable ``code``, which appears in problem documents and in the items of a job and
never changes once released. The message says what happened and what to do about it.
"""

from __future__ import annotations


class GlimpseError(Exception):
    """Root of every error that Glimpse raises on purpose."""

    code: str = "internal"


class InputError(GlimpseError):
    """The caller's input is not acceptable."""

    code = "invalid_input"


class InvalidRequest(InputError):
    """A body, header or parameter is malformed.

    Args:
        detail: What is wrong, in a sentence.
        errors: One entry per invalid field: ``{"field", "detail"}``.
        field: The only invalid field, instead of ``errors``: a part or a header; empty for the
            body as a whole.
    """

    code = "invalid_request"

    def __init__(
        self, detail: str, errors: list[dict[str, str]] | None = None, field: str = ""
    ) -> None:
        super().__init__(detail)
        self.errors = errors or [{"field": field, "detail": detail}]


class Unprocessable(InvalidRequest):
    """A request is well-formed, but a value in it is not acceptable."""

    code = "unprocessable"


class NoThreshold(Unprocessable):
    """``min_score`` is "auto", but the noise of such a query is not known for the model."""

    code = "no_threshold"


class IdempotencyKeyReused(Unprocessable):
    """The idempotency key was already used with a different request."""

    code = "idempotency_key_reused"


class InputFailed(Unprocessable):
    """Inputs of a request cannot be embedded; ``code`` is that of the first one's error.

    Args:
        code: Why the first input failed.
        errors: One entry per input at fault: ``{"field", "detail"}``.
    """

    def __init__(self, code: str, errors: list[dict[str, str]]) -> None:
        super().__init__(f"{errors[0]['field']}: {errors[0]['detail']}", errors)
        self.code = code


class Conflict(InputError):
    """The state of a resource does not allow the request."""

    code = "conflict"
    # Seconds until the caller should retry; None if a retry alone does not help.
    retry_after_s: int | None = None


class IdempotencyKeyInProgress(Conflict):
    """A request with the same idempotency key is still in progress."""

    code = "idempotency_key_in_progress"
    # Most requests have finished by then.
    retry_after_s = 1


class DeadLetterBusy(Conflict):
    """Another request is replaying or removing the same dead letter."""

    code = "dead_letter_busy"
    retry_after_s = 1


class JobNotOpen(Conflict):
    """The job was not opened for requests to add images to it."""

    code = "job_not_open"


class JobCancelled(Conflict):
    """The job was cancelled while it was open, and takes no more images."""

    code = "job_cancelled"


class JobComplete(Conflict):
    """The job was completed, or closed after a time without additions; it takes no more images."""

    code = "job_complete"


class NoWebhookSecret(Conflict):
    """The tenant has no secret that signs webhooks."""

    code = "no_webhook_secret"


class ModelActive(Conflict):
    """The request is for a model that is not active, but it is."""

    code = "model_active"


class ModelHasWorkers(Conflict):
    """The request is for a model without workers, but some are running."""

    code = "model_has_workers"


class ModelHasNoWorker(Conflict):
    """The request needs workers of a model, and none is running."""

    code = "model_has_no_worker"


class ReindexRunning(Conflict):
    """A reindex is running."""

    code = "reindex_running"


class SwitchRunning(Conflict):
    """A switch of the active model is in progress."""

    code = "switch_running"


class NotFound(InputError):
    """There is no such image, job, search or dead letter, or it has expired."""

    code = "not_found"


class BytesMissing(NotFound):
    """An indexed image's bytes are not in the blob store."""

    code = "bytes_missing"


class Unauthorized(InputError):
    """The key is missing, wrong, revoked or expired."""

    code = "unauthorized"


class Forbidden(InputError):
    """The key lacks the scope that the call requires."""

    code = "forbidden"


class NoKeys(Forbidden):
    """No keys exist, and without keys the service is not open to this caller."""

    code = "no_keys"


class QuotaExceeded(Forbidden):
    """The tenant has as many images as its quota allows."""

    code = "quota_exceeded"


class RequestTimeout(InputError):
    """A request arrived too slowly."""

    code = "request_timeout"

    def __init__(self) -> None:
        super().__init__("The request arrived too slowly. Send it again over a faster connection.")


class UploadTooLarge(InputError):
    """A request exceeds the size limit."""

    code = "too_large"


class UnsupportedMediaType(InputError):
    """The media type of a request's body is not supported."""

    code = "unsupported_media_type"


class ArchiveError(InputError):
    """An archive cannot be read to its end; the members read so far are kept."""

    code = "truncated"


class ArchiveBroken(ArchiveError):
    """The archive is truncated or damaged, and the rest of it cannot be read."""

    code = "truncated"


class ArchiveTooLarge(ArchiveError):
    """The archive exceeds the limit of entries, of unpacked bytes or of the compression ratio."""

    code = "too_large"


class ArchiveUnsupported(ArchiveError):
    """The bytes are not an archive in a supported format."""

    code = "unsupported_format"


class EmptyArchive(ArchiveError):
    """The archive contains no pictures."""

    code = "empty"


class ImageError(InputError):
    """One picture is unusable; the rest of its upload continues."""

    code = "not_an_image"


class EmptyImage(ImageError):
    """The file has no bytes."""

    code = "empty"


class ImageTooLarge(ImageError):
    """The picture exceeds the size limit."""

    code = "too_large"


class NotAnImage(ImageError):
    """The bytes are not a picture."""

    code = "not_an_image"


class UnsupportedFormat(ImageError):
    """The bytes are a picture in an unsupported format."""

    code = "unsupported_format"


class TooManyPixels(ImageError):
    """The picture exceeds the pixel limit."""

    code = "too_many_pixels"


class TruncatedImage(ImageError):
    """The picture is truncated or damaged."""

    code = "truncated"


class DecoderFailed(ImageError):
    """The picture's decoder failed, although the file appears to be whole."""

    code = "decoder_failed"


class DecodingTooLong(ImageError):
    """Decoding the picture took more processor time than is permitted."""

    code = "decoding_too_long"


class ServiceError(GlimpseError):
    """A dependency is unavailable; retrying later may succeed."""

    code = "unavailable"
    # Seconds until the caller should retry: most outages are short.
    retry_after_s: int = 5


class BrokerUnavailable(ServiceError):
    """Redis does not answer."""

    code = "broker_unavailable"


class BrokerFull(BrokerUnavailable):
    """Redis answers, but is out of memory."""

    code = "overloaded"
    # Memory is freed as work finishes and records expire, which takes a while.
    retry_after_s = 60


class StoreUnavailable(ServiceError):
    """Milvus does not answer."""

    code = "store_unavailable"


class BlobsUnavailable(ServiceError):
    """The blob store cannot be read or written."""

    code = "blobs_unavailable"


class BlobsFull(BlobsUnavailable):
    """The blob store is full."""

    code = "insufficient_storage"
    # An operator has to free space.
    retry_after_s = 60


class BucketShared(BlobsUnavailable):
    """Another service keeps its blobs in the same place of an object store."""


class Overloaded(ServiceError):
    """The backlog or the number of concurrent requests is at its limit.

    Args:
        detail: Which limit was reached, in a sentence.
        retry_after_s: Seconds until the caller should retry.
    """

    code = "overloaded"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TenantOverloaded(Overloaded):
    """The tenant's own backlog is at its limit."""

    code = "tenant_overloaded"


class DeviceUnavailable(ServiceError):
    """The device that runs the model cannot be used at the moment."""

    code = "device_unavailable"


class DeviceFull(DeviceUnavailable):
    """The device has too little free memory for the batch."""


class DeviceLost(DeviceUnavailable):
    """The device failed; until it restarts, the process cannot use it."""


class DecoderDied(ServiceError):
    """The process that decoded an image died; the image is tried again alone."""

    code = "decoder_died"


class DecodersUnavailable(ServiceError):
    """A process that decodes images cannot be started at the moment."""

    code = "decoders_unavailable"


class WorkerUnavailable(ServiceError):
    """No worker answered in time."""

    code = "worker_unavailable"


class ImagesBusy(ServiceError):
    """Other tasks are processing these images and will finish soon."""

    code = "images_busy"


class Quarantined(GlimpseError):
    """The processes that worked on the image died each time, so it is not retried."""

    code = "quarantined"


class EncoderError(GlimpseError):
    """The model failed on this input."""

    code = "encoder_error"


class StoreError(GlimpseError):
    """The vector store rejected a row or a call permanently."""

    code = "store_error"


class CopyDiffers(StoreError):
    """A copied row differs from its original."""

    code = "copy_differs"


class BackupDamaged(GlimpseError):
    """An object of a backup is missing, or its bytes are not those that were written."""

    code = "backup_damaged"


class SetupError(GlimpseError):
    """The process cannot start with its configuration."""

    code = "setup_error"


class InvalidSettings(SetupError):
    """A setting is unknown or has an invalid value."""

    code = "invalid_settings"


class BrokerMisconfigured(SetupError):
    """Redis or a sentinel refuses the settings: a certificate, a password, a name or a right."""

    code = "broker_misconfigured"


class BlobsMisconfigured(SetupError):
    """The blob store cannot be used with the settings, or a package for it is missing."""

    code = "blobs_misconfigured"


class ModelMismatch(SetupError):
    """The encoder's vectors do not match the collection's."""

    code = "model_mismatch"


class IndexUnsupported(SetupError):
    """This Milvus lacks an index or a feature that the settings ask for."""

    code = "index_unsupported"


class SchemaNewer(SetupError):
    """The data in Redis or in a collection is of a schema that this version does not read."""

    code = "schema_newer"


class CopyUnfinished(SetupError):
    """The collection is a copy that ``glimpse migrate --finish`` has not finished."""

    code = "copy_unfinished"


class MigrationRefused(SetupError):
    """The target of a migration, or the state of the service, does not allow it."""

    code = "migration_refused"


class BackupRefused(SetupError):
    """The service or the repository cannot be used for a backup."""

    code = "backup_refused"


class RestoreRefused(SetupError):
    """The backup, or the state of the service, does not allow a restore."""

    code = "restore_refused"


class WeightsUnavailable(SetupError):
    """The model's weights were not found in any location; the message lists all of them."""

    code = "weights_unavailable"


class DataDirBusy(SetupError):
    """Another ``glimpse up`` is using the same data folder."""

    code = "data_dir_busy"
