"""The files of an image, wherever they are now."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson

from facepipe.domain.errors import (
    AnalysisFailedError,
    ImageDeletedError,
    ImageNotFoundError,
    ResultDamagedError,
    ResultNotReadyError,
)
from facepipe.domain.status import Status
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store import FoundFile
from facepipe.ledger.states import ImageState


class ImageFiles:
    """Finds the files of an image that waits or is finished."""

    def __init__(self, results: ResultFiles, inbox: Inbox) -> None:
        self._results = results
        self._inbox = inbox

    def document(self, image_id: str) -> FoundFile:
        """The result document. Raises ImageNotFoundError."""
        return self._existing(self._results.document(image_id))

    def annotated(self, image_id: str) -> FoundFile:
        """The annotated JPEG. Raises ImageNotFoundError."""
        return self._existing(self._results.annotated(image_id))

    def source(self, image_id: str) -> FoundFile:
        """The upload, byte for byte. Raises ImageNotFoundError."""
        return self._inbox.find(image_id) or self._existing(self._results.source(image_id))

    def read_source(self, image_id: str) -> bytes:
        """The upload's bytes, also while it moves. Raises ImageNotFoundError."""
        with contextlib.suppress(ImageNotFoundError):
            return self._inbox.read(image_id)
        return self._results.read_source(image_id)

    def read_document(self, image_id: str) -> dict[str, Any]:
        """The result document, parsed.

        Raises:
            ImageNotFoundError: there is none.
            ResultDamagedError: it is not whole.
        """
        try:
            document: dict[str, Any] = orjson.loads(self.document(image_id).read_bytes())
        except ValueError as error:
            raise damaged(image_id, f"the result document cannot be read: {error}") from error
        return document

    @staticmethod
    def _existing(found: FoundFile | None) -> FoundFile:
        if found is None:
            raise ImageNotFoundError("there is no such file for this image")
        return found


def real_faces(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The faces of a result of which nobody said that they are none."""
    return [one for one in document["faces"] if (one.get("truth") or {}).get("is_face", True)]


def damaged(image_id: str, reason: str) -> ResultDamagedError:
    """The error for a file of a stored result that is not as it was written."""
    return ResultDamagedError(
        f"{image_id}: {reason}; restore the file, or send the image again with force=true"
    )


def require_result(state: ImageState) -> None:
    """Raises what the API answers while there is no result to show."""
    if state.status is Status.DELETED:
        raise ImageDeletedError(f"{state.image_id} was deleted")
    if state.status is Status.FAILED:
        reason = state.error.message if state.error else "no reason was recorded"
        code = state.error.code if state.error else "unknown"
        raise AnalysisFailedError(f"{code}: {reason}")
    if not state.status.has_result:
        raise ResultNotReadyError(f"the image is {state.status}; ask again, or follow its events")
