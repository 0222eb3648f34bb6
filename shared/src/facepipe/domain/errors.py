"""The error tree of the pipeline.

    FacepipeError                   500  internal_error
    ├── InvalidRequestError         400  invalid_request
    ├── MisconfiguredError          500  misconfigured
    │   └── UnencryptedError        500  unencrypted
    ├── UnauthorizedError           401  unauthorized
    │   └── InsideOnlyError         401  inside_only
    ├── ForbiddenError              403  forbidden
    │   └── ForeignPageError        403  forbidden
    ├── ImageNotFoundError          404  not_found
    ├── ResultNotReadyError         409  not_finished
    ├── AnalysisFailedError         409  failed
    ├── SourceNotKeptError          409  source_not_kept
    ├── ImageDeletedError           410  deleted
    ├── ImageTooLargeError          413  image_too_large
    │   └── TooManyPixelsError      413  too_many_pixels
    ├── UnsupportedImageError       415  unsupported_image
    │   └── RawNotSupportedError    415  raw_not_supported
    ├── RangeNotSatisfiableError    416  range_not_satisfiable
    ├── UnknownHostError            421  unknown_host
    ├── UndecodableImageError       422  undecodable_image
    ├── UnknownParameterError       422  unknown_parameter
    ├── UrlNotAllowedError          422  url_not_allowed
    ├── UrlNotFetchedError          422  url_not_fetched
    ├── TooManyRequestsError        429  too_many_requests
    ├── ModelError                  500  model_error
    │   ├── ModelNotFoundError      500  model_not_found
    │   └── ModelCorruptError       500  model_corrupt
    ├── UnknownJobError             500  unknown_job
    ├── ResultDamagedError          500  result_damaged
    ├── LedgerTooNewError           500  ledger_too_new
    ├── LedgerInUseError            500  ledger_in_use
    ├── ServiceUnavailableError     503  service_unavailable
    │   ├── LedgerDamagedError      503  ledger_damaged
    │   └── FilesUnavailableError   503  files_unavailable
    │       └── FilesDeniedError    503  files_denied
    ├── DeadlineExceededError       504  deadline_exceeded
    └── StorageFullError            507  storage_full

Every error has a stable `code` that clients may branch on, the HTTP status that an API
answers with, and a message that says what to do. Raise the most specific one, chained
with `from`; catch `FacepipeError` at the edge of a service and nowhere else.
"""

from __future__ import annotations

from typing import ClassVar


class FacepipeError(Exception):
    """Root of all errors that the pipeline raises on purpose."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    # Whether trying the same again later can help.
    transient: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class InvalidRequestError(FacepipeError):
    """The request itself is malformed: a bad cursor, an unknown parameter, no file."""

    code, http_status, title = "invalid_request", 400, "Invalid request"


class MisconfiguredError(FacepipeError):
    """A process does not start with these settings; the message says what to change."""

    code, title = "misconfigured", "Misconfigured"


class UnencryptedError(MisconfiguredError):
    """These settings would send something between machines that anybody could read."""

    code, title = "unencrypted", "Not encrypted"


class UnauthorizedError(FacepipeError):
    """An API key is needed and none, or an unknown one, was sent."""

    code, http_status, title = "unauthorized", 401, "API key required"


class InsideOnlyError(UnauthorizedError):
    """The port is for the services of the pipeline, and the inside token was not sent."""

    code, title = "inside_only", "Inside token required"


class ForbiddenError(FacepipeError):
    """The API key is known and may not do this."""

    code, http_status, title = "forbidden", 403, "Not allowed with this API key"


class ForeignPageError(ForbiddenError):
    """A page of another site called through a browser."""

    title = "Not allowed from another site"


class ImageNotFoundError(FacepipeError):
    """No image with this id was ever accepted."""

    code, http_status, title = "not_found", 404, "Not found"


class ResultNotReadyError(FacepipeError):
    """The image is still on its way through the stages."""

    code, http_status, title = "not_finished", 409, "Analysis not finished"


class AnalysisFailedError(FacepipeError):
    """No result could be had for the image; the message says why."""

    code, http_status, title = "failed", 409, "Analysis failed"


class SourceNotKeptError(FacepipeError):
    """The call needs the upload, and it was not kept."""

    code, http_status, title = "source_not_kept", 409, "The upload was not kept"


class ImageDeletedError(FacepipeError):
    """The image was erased on request."""

    code, http_status, title = "deleted", 410, "Deleted"


class ImageTooLargeError(FacepipeError):
    """More bytes, pixels or files than the configured limit."""

    code, http_status, title = "image_too_large", 413, "Too large"


class TooManyPixelsError(ImageTooLargeError):
    """An image of a format, or a variant of it, that cannot be decoded in bounded memory."""

    code = "too_many_pixels"


class UnsupportedImageError(FacepipeError):
    """The bytes are not an image of an accepted format."""

    code, http_status, title = "unsupported_image", 415, "Unsupported image format"


class RawNotSupportedError(UnsupportedImageError):
    """A camera's RAW file that holds no preview of full size."""

    code, title = "raw_not_supported", "RAW file without a full preview"


class RangeNotSatisfiableError(FacepipeError):
    """Nothing of the file lies in the range of bytes that was asked for."""

    code, http_status, title = "range_not_satisfiable", 416, "Range not satisfiable"


class UnknownHostError(FacepipeError):
    """The service was called by a name that is none of its own."""

    code, http_status, title = "unknown_host", 421, "Unknown host"


class UndecodableImageError(FacepipeError):
    """The bytes claim to be an accepted format and cannot be decoded."""

    code, http_status, title = "undecodable_image", 422, "Image cannot be decoded"


class UnknownParameterError(FacepipeError):
    """A parameter, or a name in it, that the call does not have."""

    code, http_status, title = "unknown_parameter", 422, "Unknown parameter"


class UrlNotAllowedError(FacepipeError):
    """A URL that is not fetched: of another protocol, or in a private network."""

    code, http_status, title = "url_not_allowed", 422, "URL not allowed"


class UrlNotFetchedError(FacepipeError):
    """A URL behind which no file could be had; the message says why."""

    code, http_status, title = "url_not_fetched", 422, "URL could not be fetched"


class TooManyRequestsError(FacepipeError):
    """The queue is longer than its limit, or a key has used up its rate."""

    code, http_status, title = "too_many_requests", 429, "Too many requests"
    transient = True


class ModelError(FacepipeError):
    """A model could not be loaded or run."""

    code, title = "model_error", "Model error"


class ModelNotFoundError(ModelError):
    """The weights of a model are not where they should be."""

    code, title = "model_not_found", "Model weights missing"


class ModelCorruptError(ModelError):
    """The weights of a model do not match the checksum of the catalogue."""

    code, title = "model_corrupt", "Model weights corrupt"


class UnknownJobError(FacepipeError):
    """A job of a queue is none that the pipeline knows; it was not run."""

    code, title = "unknown_job", "Unknown job"


class ResultDamagedError(FacepipeError):
    """A file of a stored result is gone from the volume, or is not whole."""

    code, title = "result_damaged", "Result damaged"


class LedgerTooNewError(FacepipeError):
    """A newer version of the program wrote the ledger; this one would damage it."""

    code, title = "ledger_too_new", "The ledger is of a newer version"


class LedgerInUseError(FacepipeError):
    """Another data_storage_service works on the same ledger."""

    code, title = "ledger_in_use", "The ledger is in use"


class ServiceUnavailableError(FacepipeError):
    """Another service or Redis does not answer; it is worth trying again."""

    code, http_status, title = "service_unavailable", 503, "Service unavailable"
    transient = True


class LedgerDamagedError(ServiceUnavailableError):
    """The file of the ledger cannot be read; once it is repaired, all goes on."""

    code, title = "ledger_damaged", "The ledger is damaged"


class FilesUnavailableError(ServiceUnavailableError):
    """The object store does not answer, or its bucket is not there."""

    code, title = "files_unavailable", "The object store is unavailable"


class FilesDeniedError(FilesUnavailableError):
    """The object store refuses the access key; once that is set right, all goes on."""

    code, title = "files_denied", "The object store refuses access"


class DeadlineExceededError(FacepipeError):
    """A call took longer than its deadline."""

    code, http_status, title = "deadline_exceeded", 504, "Deadline exceeded"
    transient = True


class StorageFullError(FacepipeError):
    """The volume has no room left."""

    code, http_status, title = "storage_full", 507, "Storage full"
    transient = True
