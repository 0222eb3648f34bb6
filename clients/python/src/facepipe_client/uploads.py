"""What an upload is asked with, and what becomes of its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import httpx

from facepipe_client.base import Document, OrNew
from facepipe_client.documents import Status, Upload
from facepipe_client.errors import BusyError, ProblemError, UnexpectedAnswerError, problem_class
from facepipe_client.exchange import Json

UPLOAD_S = 120.0


class Accepted(Upload):
    """The answer for an image that the API has taken."""

    image_id: str
    status: OrNew[Status]


class AllAccepted(Document):
    images: list[Accepted]


class Wishes(TypedDict, total=False):
    """How an image is called, and how it is to be analysed."""

    external_id: str
    tags: Sequence[str]
    folder: str
    min_face_px: int
    max_faces: int
    confidence: float
    detector_mode: str
    attributes: Sequence[str]


def upload_parts(
    body: Json, wait_s: float | None, wishes: Wishes, *, force: bool, urgent: bool
) -> Json:
    """The parts of an upload's request."""
    headers = body.get("headers", {}) | ({"X-Priority": "interactive"} if urgent else {})
    params = {
        name: value
        for name, value in (("wait", wait_s), ("force", force or None), *wishes.items())
        if value is not None
    }
    timeout = httpx.Timeout(UPLOAD_S + (wait_s or 0.0), connect=3.0)
    return {**body, "headers": headers, "params": params, "timeout": timeout}


def is_busy(upload: Upload) -> bool:
    return upload.image_id is None and isinstance(refusal(upload), BusyError)


def refusal(upload: Upload, retry_after_s: float = 0.0) -> ProblemError:
    """Why a file was refused."""
    error = upload.error
    if error is None:
        raise UnexpectedAnswerError("a file has neither an id nor an error")
    kind = problem_class(error.status, error.code)
    return kind(error.detail, error.status, error.code, retry_after_s=retry_after_s)
