"""Thumbnails and face crops of images, drawn when somebody asks for them, and kept for a while.

They are kept in memory, each with the generation of the image that it shows. What is deleted is
forgotten at once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from facepipe.domain.analysis import Face
from facepipe.domain.corrections import without_rejected
from facepipe.domain.errors import ImageNotFoundError
from facepipe.domain.geometry import BoundingBox, Point
from facepipe.domain.status import Status
from facepipe.files.annotation import AnnotationStyle
from facepipe.ledger.states import ImageState
from facepipe.version import VERSION
from input_service.decoder_process import Task
from input_service.decoding import DecoderPool
from input_service.drawing import DrawAnnotated, DrawCrop, DrawThumbnail, Fit
from input_service.results import ImageFiles

BUDGET_BYTES = 64 * 2**20


class Pictures:
    """Draws and remembers. Used in one event loop."""

    def __init__(
        self, decoders: DecoderPool, results: ImageFiles, budget_bytes: int = BUDGET_BYTES
    ) -> None:
        self._decoders = decoders
        self._results = results
        self._budget_bytes = budget_bytes
        self._kept_bytes = 0
        self._kept: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        self._times_forgotten = 0
        # Whoever waits for a decoder here holds no thread meanwhile.
        self._turn = asyncio.Semaphore(1)

    async def thumbnail(self, state: ImageState, side: int, fit: Fit) -> bytes:
        """A JPEG of the upload; where that was not kept, of the annotated image.

        Raises:
            ImageNotFoundError: neither is there.
        """
        image_id = state.image_id

        def draw() -> bytes:
            boxes = tuple(
                BoundingBox(**face["box"]) for face in self._faces(state) if fit is Fit.FACES
            )
            return self._drawn(image_id, DrawThumbnail(side, fit, boxes), or_annotated=True)

        return await self._once(image_id, tag_of(state, f"{fit}-{side}"), draw)

    async def crop(self, state: ImageState, index: int) -> bytes:
        """A JPEG of one face, cut out of the upload.

        Raises:
            ImageNotFoundError: there is no such face, or the upload was not kept.
        """

        def draw() -> bytes:
            faces = self._faces(state)
            if index >= len(faces):
                raise ImageNotFoundError(f"the image has {len(faces)} faces; the first one is 0")
            face = faces[index]
            points = tuple(Point(point["x"], point["y"]) for point in face["landmarks"])
            return self._drawn(state.image_id, DrawCrop(BoundingBox(**face["box"]), points))

        return await self._once(state.image_id, tag_of(state, f"face-{index}"), draw)

    async def annotated(self, state: ImageState, style: AnnotationStyle) -> bytes:
        """A JPEG of the upload with its faces drawn in.

        Raises:
            ImageNotFoundError: the upload was not kept.
        """

        def draw() -> bytes:
            faces = without_rejected(Face.model_validate(face) for face in self._faces(state))
            return self._drawn(state.image_id, DrawAnnotated(style, tuple(faces)))

        return await self._once(state.image_id, tag_of(state, repr(style)), draw)

    def forget(self, image_id: str) -> None:
        """Drops what shows an image."""
        self._times_forgotten += 1
        for data in self._kept.pop(image_id, {}).values():
            self._kept_bytes -= len(data)

    def note(self, state: ImageState | None) -> None:
        """A change of the ledger; None: some may have been missed."""
        if state is None:
            for image_id in list(self._kept):
                self.forget(image_id)
        elif state.status is Status.DELETED:
            self.forget(state.image_id)

    async def _once(self, image_id: str, tag: str, draw: Callable[[], bytes]) -> bytes:
        async with self._turn:
            if (known := self._kept.get(image_id, {}).get(tag)) is not None:
                self._kept.move_to_end(image_id)
                return known
            before = self._times_forgotten
            data = await asyncio.to_thread(draw)
        if self._times_forgotten != before:
            return data  # it may be this image that was deleted meanwhile
        self._kept.setdefault(image_id, {})[tag] = data
        self._kept.move_to_end(image_id)
        self._kept_bytes += len(data)
        while self._kept_bytes > self._budget_bytes and len(self._kept) > 1:
            self.forget(next(iter(self._kept)))
        return data

    def _faces(self, state: ImageState) -> list[dict[str, Any]]:
        if not state.status.has_result:
            return []
        faces: list[dict[str, Any]] = self._results.read_document(state.image_id)["faces"]
        return faces

    def _drawn(self, image_id: str, task: Task[bytes], *, or_annotated: bool = False) -> bytes:
        try:
            data = self._results.read_source(image_id)
        except ImageNotFoundError:
            if not or_annotated:
                raise
            data = self._results.annotated(image_id).read_bytes()
        return self._decoders.perform(task, data)


def tag_of(state: ImageState, what: str) -> str:
    """The ETag of a picture: it changes with whatever may change the picture."""
    has_result = state.status.has_result
    # While it is analysed again, what is shown is of the generation before.
    facts = (state.image_id, state.generation, has_result, state.again is None, what, VERSION)
    return f'"{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}"'
