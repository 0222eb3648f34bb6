"""From bytes to an accepted image: decode, make durable, register.

Accepted means durable: once `accept` returns, the upload is on disk, and whatever else is
down, the reconciler sees to it that the image is analysed.
"""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from facepipe.domain.analysis import ImageInfo
from facepipe.domain.errors import (
    DeadlineExceededError,
    ImageDeletedError,
    ImageNotFoundError,
    InvalidRequestError,
    ResultNotReadyError,
    ServiceUnavailableError,
    SourceNotKeptError,
    StorageFullError,
)
from facepipe.domain.options import AnalysisOptions
from facepipe.domain.status import Status
from facepipe.files.image_store import ImageStore
from facepipe.files.inbox import Inbox, InboxEntry
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ImageState
from facepipe.telemetry import current_traceparent, image_span
from input_service.backlog import Backlog
from input_service.decoding import DecoderPool
from input_service.results import ImageFiles
from input_service.wishes import Labels

_log = logging.getLogger(__name__)
_STORE_AWAY = (ServiceUnavailableError, DeadlineExceededError)
_RETRY_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """An image that is safe. `known` tells that its bytes had been accepted before."""

    image: ImageInfo
    status: Status
    known: bool

    @property
    def image_id(self) -> str:
        return self.image.sha256


class Intake:
    """Accepts uploads and starts images over. Thread-safe."""

    def __init__(
        self,
        decoders: DecoderPool,
        inbox: Inbox,
        store: FaceStoreClient,
        images: ImageStore,
        results: ImageFiles,
        backlog: Backlog,
        note_registered: Callable[[str], None],
    ) -> None:
        self._decoders = decoders
        self._inbox = inbox
        self._store = store
        self._images = images
        self._results = results
        self._backlog = backlog
        self._note_registered = note_registered

    def accept(
        self,
        data: bytes,
        file_name: str,
        *,
        labels: Mapping[str, Any] | None = None,
        options: AnalysisOptions | None = None,
        force: bool = False,
        urgent: bool = False,
    ) -> Accepted:
        """Accepts one upload.

        The same bytes sent again give the image that exists, under the name and labels that it
        has; with `force`, or with other options, they are analysed again, and what is given of name
        and labels takes the place of what was. Ledger or Redis being down does not hinder
        acceptance.

        Raises:
            ImageTooLargeError, UnsupportedImageError, UndecodableImageError: refused.
            TooManyRequestsError: too many wait already.
            StorageFullError, ServiceUnavailableError: the inbox cannot be written.
        """
        image_id = hashlib.sha256(data).hexdigest()
        with image_span("receive", image_id, file_name=file_name, size_bytes=len(data)):
            known = self._find(image_id)
            if known is not None and not force and _stands(known, options):
                _log.info("the same bytes again", extra={"image_id": image_id})
                return Accepted(known.image, known.status, known=True)
            self._backlog.check(urgent=urgent)
            with image_span("decode", image_id):
                decoded = self._decoders.decode(data)
            image = ImageInfo(
                width=decoded.size.width,
                height=decoded.size.height,
                format=decoded.format,
                orientation_applied=decoded.orientation,
                sha256=image_id,
                size_bytes=len(data),
                damaged=decoded.damaged,
                decoded_share=decoded.decoded_share,
                frame=decoded.frame,
                preview=decoded.is_preview,
                options=options,
                **_named(known, {"file_name": file_name, **dict(labels or {})}),
            )
            entry = InboxEntry(
                image=image,
                received_at=_moment_after(known),
                traceparent=current_traceparent(),
                is_urgent=urgent,
            )
            self._keep(image_id, data, entry)
            self._images.put_upload(image_id, data)
            _log.info("accepted", extra={"image_id": image_id, "format": image.format})
            status = self._start(image_id, entry, known)
            return Accepted(image, status, known=known is not None)

    def require_source(self, image_id: str) -> None:
        """Raises SourceNotKeptError where an image could not be analysed again."""
        try:
            self._results.source(image_id)
        except ImageNotFoundError as error:
            raise SourceNotKeptError(
                "the image has to be analysed again for it, and its upload was not kept"
            ) from error

    def start_over(self, image_id: str, *, anew: bool = False) -> Accepted:
        """Runs a failed or partial image again, from the upload that was kept.

        Args:
            image_id: of the image.
            anew: whatever its state is.

        Raises:
            ImageNotFoundError, ImageDeletedError: there is nothing to run.
            ResultNotReadyError: it is still running.
            InvalidRequestError: its upload was not kept, or it needs no retry.
        """
        state = self._store.get(image_id)
        if state.status is Status.DELETED:
            raise ImageDeletedError(f"{image_id} was deleted")
        if not state.is_finished and not anew:
            raise ResultNotReadyError(
                f"{image_id} is {state.again or state.status}; it cannot be retried yet"
            )
        if state.status is Status.STORED and not anew:
            raise InvalidRequestError(
                "the image was analysed; send it again with force=true to have it analysed anew"
            )
        with image_span("retry", image_id):
            data = self._results.read_source(image_id)
            entry = InboxEntry(
                image=state.image,
                received_at=_moment_after(state),
                traceparent=current_traceparent(),
            )
            self._keep(image_id, data, entry)
            return Accepted(state.image, self._start(image_id, entry, state), known=True)

    def _keep(self, image_id: str, data: bytes, entry: InboxEntry) -> None:
        is_new = image_id not in self._inbox
        with write_errors():
            self._inbox.add(image_id, data, entry)
        if is_new:
            self._backlog.note_accepted()

    def _find(self, image_id: str) -> ImageState | None:
        try:
            return self._store.get(image_id)
        except (ImageNotFoundError, *_STORE_AWAY):
            return None

    def _start(self, image_id: str, entry: InboxEntry, known: ImageState | None) -> Status:
        """Registers; what cannot be done now is left to the reconciler."""
        try:
            registration = self._store.register(
                image_id,
                entry.image,
                entry.received_at,
                new_generation=known is not None,
                expected_generation=0 if known is None else known.generation,
                urgent=entry.is_urgent,
                traceparent=entry.traceparent,
            )
        except _STORE_AWAY as error:
            _log.warning("accepted, and registered later: %s", error, extra={"image_id": image_id})
            return Status.RECEIVED
        self._note_registered(image_id)
        return registration.state.status


def _named(known: ImageState | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Name and labels of an upload: those that are not given are those that the image has."""
    if known is None or known.status is Status.DELETED:
        return dict(given)
    names = ("file_name", *Labels.model_fields)
    return {name: given.get(name) or getattr(known.image, name) for name in names}


def _stands(known: ImageState, options: AnalysisOptions | None) -> bool:
    """Whether an image is there, and analysed as is asked for now."""
    is_as_asked = options is None or options == known.image.options
    return known.status is not Status.DELETED and is_as_asked


def _moment_after(known: ImageState | None) -> datetime:
    """Now; for an image that had its end, later than that, even if the clock was set back."""
    now = datetime.now(UTC)
    return max(now, known.updated_at + timedelta(microseconds=1)) if known else now


@contextmanager
def write_errors() -> Iterator[None]:
    """Turns what a volume cannot do into what the API answers."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFullError(
                "the volume is full; make room and send it again",
                retry_after_s=_RETRY_AFTER_S,
            ) from error
        raise ServiceUnavailableError(
            f"the volume cannot be written: {error.strerror}", retry_after_s=_RETRY_AFTER_S
        ) from error
