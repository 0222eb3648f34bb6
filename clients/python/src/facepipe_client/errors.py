"""What may go wrong between a program and the API.

    ClientError
    ├── NoAnswerError            the API cannot be reached, or broke off
    ├── UnexpectedAnswerError    something answered that is not this API
    ├── WaitTimeoutError         what was waited for did not come about in time
    └── ProblemError             the API answered with a problem document
        ├── NotFoundError        404: no such image
        ├── NotFinishedError     409 not_finished: there is no result yet
        ├── AnalysisFailedError  409 failed: there will be no result
        ├── SourceNotKeptError   409 source_not_kept: the call needs the upload
        ├── DeletedError         410: the image was erased
        ├── RefusedError         400, 413, 415, 422: this request will never be taken
        ├── NotAllowedError      401, 403: the API key is missing or may not do this
        └── BusyError            429, 503, 504, 507: the same request may be taken later

Branch on the class, or on `code`, which is stable; the message is for people.
"""

from __future__ import annotations

from typing import Any

import httpx


class ClientError(Exception):
    """Root of all errors of the client."""


class NoAnswerError(ClientError):
    """The API cannot be reached, or the connection broke. Every call may be repeated."""


class UnexpectedAnswerError(ClientError):
    """The answer is none of this API: another program, or another version of it."""


class WaitTimeoutError(ClientError):
    """Images were not finished in time; they are analysed all the same."""


class ProblemError(ClientError):
    """The API answered with a problem document.

    Attributes:
        status: the HTTP status.
        code: stable; programs may branch on it.
        detail: what went wrong, for people.
        retry_after_s: when to try again; 0 where the API did not say.
        document: the whole problem document.
    """

    def __init__(
        self,
        detail: str,
        status: int,
        code: str = "",
        *,
        retry_after_s: float = 0.0,
        document: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.document = document or {}


class NotFoundError(ProblemError):
    """There is no such image, or nothing of that name."""


class NotFinishedError(ProblemError):
    """The image is still being analysed."""


class AnalysisFailedError(ProblemError):
    """No result could be had for the image; the detail says why."""


class SourceNotKeptError(ProblemError):
    """The call needs the upload, and it was not kept."""


class DeletedError(ProblemError):
    """The image was erased on request."""


class RefusedError(ProblemError):
    """The same request will never be taken: no image, too large, a wrong parameter."""


class NotAllowedError(ProblemError):
    """The API asks for a key, or the key may not do this."""


class BusyError(ProblemError):
    """The API, or what it needs, has no room just now: try again after `retry_after_s`."""


_BY_CODE: dict[str, type[ProblemError]] = {
    "not_finished": NotFinishedError,
    "failed": AnalysisFailedError,
    "source_not_kept": SourceNotKeptError,
}
_BY_STATUS: dict[int, type[ProblemError]] = {
    **dict.fromkeys((400, 413, 415, 422), RefusedError),
    **dict.fromkeys((401, 403), NotAllowedError),
    404: NotFoundError,
    410: DeletedError,
    **dict.fromkeys((429, 503, 504, 507), BusyError),
}


def problem_class(status: int, code: str) -> type[ProblemError]:
    """Which error tells of a problem."""
    return _BY_CODE.get(code) or _BY_STATUS.get(status, ProblemError)


def retry_after_of(answer: httpx.Response) -> float:
    """When to come again, in seconds; 0 where that is not said."""
    seconds = answer.headers.get("retry-after", "")
    return float(seconds) if seconds.isdecimal() else 0.0


def problem_of(answer: httpx.Response) -> ProblemError:
    """The error that an answer tells of; its body must have been read."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {}
    code = str(document.get("code") or "")
    return problem_class(answer.status_code, code)(
        str(document.get("detail") or document.get("title") or answer.reason_phrase),
        answer.status_code,
        code,
        retry_after_s=retry_after_of(answer),
        document=document,
    )
