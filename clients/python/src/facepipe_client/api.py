"""What the input API can do, each call written once; `client.py` makes two clients of it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Literal, TypeVar, Unpack

import httpx

from facepipe_client.base import Health, Plot
from facepipe_client.documents import (
    Bulk,
    Correction,
    CorrectionList,
    Filters,
    ImagePage,
    ImageState,
    Reanalysis,
    Result,
    Stats,
    Upload,
    UploadAnswer,
)
from facepipe_client.errors import (
    BusyError,
    NoAnswerError,
    NotFoundError,
    ProblemError,
    WaitTimeoutError,
    retry_after_of,
)
from facepipe_client.exchange import Exchange, Json, parsed, read, valid
from facepipe_client.files import Chunks, File, body_of, form_of, is_repeatable, rewind
from facepipe_client.patience import Patience
from facepipe_client.uploads import Accepted, AllAccepted, Wishes, is_busy, refusal, upload_parts
from facepipe_client.words import FINAL

T = TypeVar("T")

# The API sends a comment every few seconds; silence beyond means a dead connection.
SILENCE_S = 60.0
AGAIN_S = 1.0
_UNKNOWN_S = 30.0
_SOON_S, _LATER_S = 0.05, 1.0
_PAGE = 500


class Api(Exchange):
    """Calls of the input API.

    Each of them raises NoAnswerError when the API cannot be reached, the subclass of ProblemError
    that tells why it refused, and UnexpectedAnswerError when the answer is none of this API.
    """

    async def upload(
        self,
        file: File | Chunks,
        name: str = "",
        *,
        wait_s: float | None = None,
        force: bool = False,
        urgent: bool = False,
        patience_s: float = 0.0,
        **wishes: Unpack[Wishes],
    ) -> Accepted:
        """Sends one image.

        Args:
            file: its bytes, its path, an open file, or the chunks of it as they come.
            name: for people; a path and an open file bring their own, chunks have none.
            wait_s: how long to wait for the result, which is then in the answer.
            force: analyse it again if it is known already.
            urgent: a person waits for it; it goes before bulk.
            patience_s: how long to try again while the API is busy or away; not with chunks.
            wishes: labels (`external_id`, `tags`, `folder`) and options of the analysis.

        Raises:
            RefusedError: the API will never take this file.
            BusyError: it has no room just now.
        """

        async def send() -> Accepted:
            rewind(file)
            with body_of(file, name) as body:
                parts = upload_parts(body, wait_s, wishes, force=force, urgent=urgent)
                answer = await self._answer("POST", "/v1/images", **parts)
            [accepted] = read(AllAccepted, answer).images
            return accepted

        return await self._patiently(send, patience_s if is_repeatable(file) else 0.0)

    async def upload_many(
        self,
        files: Iterable[File],
        *,
        wait_s: float | None = None,
        force: bool = False,
        urgent: bool = False,
        patience_s: float = 0.0,
        **wishes: Unpack[Wishes],
    ) -> list[Upload]:
        """Sends images in one call; an entry for each, in their order.

        A file that is refused has an `error` and hinders no other. While patience lasts, files
        that the API has no room for are sent again.
        """
        chosen = list(files)
        entries: dict[int, Upload] = {}

        async def send() -> None:
            left = [n for n in range(len(chosen)) if n not in entries or is_busy(entries[n])]
            for number in left:
                rewind(chosen[number])
            with form_of(chosen[number] for number in left) as body:
                parts = upload_parts(body, wait_s, wishes, force=force, urgent=urgent)
                tried, retry_after_s = await self._send_some(parts)
            entries.update(zip(left, tried, strict=True))
            if busy := next((entry for entry in tried if is_busy(entry)), None):
                raise refusal(busy, retry_after_s)

        try:
            await self._patiently(send, patience_s)
        except BusyError:
            if len(entries) < len(chosen):
                raise
        return [entries[number] for number in range(len(chosen))]

    async def image(self, image_id: str) -> ImageState:
        """Where an image stands, and its timeline."""
        return await self._document(ImageState, f"/v1/images/{image_id}")

    async def image_page(
        self, *, limit: int = 50, cursor: str = "", **filters: Unpack[Filters]
    ) -> ImagePage:
        """A page of images; `next_cursor` leads to the next one."""
        query = {"limit": limit, "cursor": cursor or None, **filters}
        return await self._document(ImagePage, "/v1/images", params=_sent(query))

    async def images(self, **filters: Unpack[Filters]) -> AsyncGenerator[ImageState, None]:
        """All images that the filters let through, fetched page by page."""
        cursor: str | None = ""
        while cursor is not None:
            page = await self.image_page(limit=_PAGE, cursor=cursor, **filters)
            for state in page.images:
                yield state
            cursor = page.next_cursor

    async def follow(self, image_id: str) -> AsyncGenerator[ImageState, None]:
        """The states of an image as they change, up to a final one; survives broken streams."""
        while True:
            try:
                path = f"/v1/images/{image_id}/events"
                async with aclosing(self._events(path)) as events:
                    async for _, state in events:
                        yield state
                        if state.status in FINAL:
                            return
            except (NoAnswerError, BusyError):
                pass  # asked again below, which tells what is wrong
            await self._wire.sleep(AGAIN_S)
            state = await self.image(image_id)
            yield state
            if state.status in FINAL:
                return

    async def wait(self, image_id: str, timeout_s: float = 300.0) -> ImageState:
        """Waits until an image is finished.

        Raises:
            WaitTimeoutError: it was not, in this time.
        """
        return (await self.wait_all([image_id], timeout_s))[image_id]

    async def wait_all(
        self, image_ids: Iterable[str], timeout_s: float = 300.0
    ) -> dict[str, ImageState]:
        """Waits until all images are finished, also while the API is away for a moment.

        Raises:
            WaitTimeoutError: some were not, in this time.
        """
        states: dict[str, ImageState] = {}
        waiting = list(dict.fromkeys(image_ids))
        end, pause_s = time.monotonic() + timeout_s, _SOON_S
        while True:
            try:
                for image_id in list(waiting):
                    states[image_id] = await self.image(image_id)
                    if states[image_id].status in FINAL:
                        waiting.remove(image_id)
            except (NoAnswerError, BusyError):
                pass  # it may be there again before time is up
            except NotFoundError:
                # Accepted while the ledger was away: it is entered as soon as that is back.
                if time.monotonic() > end - timeout_s + _UNKNOWN_S:
                    raise
            if not waiting:
                return states
            if time.monotonic() > end:
                raise WaitTimeoutError(_unfinished(waiting, states, timeout_s))
            await self._wire.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LATER_S)

    async def analyse(
        self, file: File | Chunks, name: str = "", *, timeout_s: float = 300.0
    ) -> Result:
        """Sends an image, waits for its result and returns it.

        Raises:
            AnalysisFailedError: there will be none.
        """
        accepted = await self.upload(file, name, urgent=True, patience_s=timeout_s)
        await self.wait(accepted.image_id, timeout_s)
        return await self.result(accepted.image_id)

    async def result(self, image_id: str) -> Result:
        """The result document.

        Raises:
            NotFinishedError: the image is still being analysed.
            AnalysisFailedError: there will be no result.
        """
        return await self._document(Result, f"/v1/images/{image_id}/result")

    async def file(self, image_id: str, kind: Literal["result", "annotated", "source"]) -> bytes:
        """The result document or the annotated JPEG as on disk, or the upload as it came."""
        return (await self._answer("GET", f"/v1/images/{image_id}/{kind}")).content

    async def thumbnail(
        self, image_id: str, size: int = 256, *, fit: Literal["faces", "whole"] = "faces"
    ) -> bytes:
        """A small JPEG: the square around the faces, or the whole image."""
        query = {"size": size, "fit": fit}
        path = f"/v1/images/{image_id}/thumbnail.jpg"
        return (await self._answer("GET", path, params=query)).content

    async def face(self, image_id: str, index: int = 0) -> bytes:
        """A JPEG of one face as the models see it: upright, 224 x 224 pixels."""
        return (await self._answer("GET", f"/v1/images/{image_id}/faces/{index}/crop.jpg")).content

    async def corrections(self, image_id: str) -> list[Correction]:
        """What people said of an image."""
        path = f"/v1/images/{image_id}/corrections"
        return (await self._document(CorrectionList, path)).corrections

    async def correct(
        self,
        image_id: str,
        kind: Literal["not_a_face", "missed_face", "truth"],
        *,
        face_index: int | None = None,
        box: Mapping[str, int] | None = None,
        age: int | None = None,
        gender: Literal["male", "female"] | None = None,
    ) -> Correction:
        """Corrects a result.

        Args:
            image_id: of the image.
            kind: `missed_face` has the image analysed again.
            face_index: of the face that is meant, or its `box`.
            box: `x1`, `y1`, `x2`, `y2`, e.g. as it was drawn around a missed face.
            age: the true one, with `truth`.
            gender: the true one, with `truth`.

        Raises:
            NotFinishedError, AnalysisFailedError: there is no result to correct.
        """
        said = {"kind": kind, "face_index": face_index, "box": box, "age": age, "gender": gender}
        path = f"/v1/images/{image_id}/corrections"
        answer = await self._answer("POST", path, json=_sent(said))
        return read(Correction, answer)

    async def take_back(self, image_id: str, number: int) -> None:
        """Takes a correction back."""
        await self._answer("DELETE", f"/v1/images/{image_id}/corrections/{number}")

    async def retry(self, image_id: str) -> Accepted:
        """Has an image that failed, or whose result is partial, analysed again."""
        answer = await self._answer("POST", f"/v1/images/{image_id}/retry")
        return read(Accepted, answer)

    async def delete(self, image_id: str) -> None:
        """Erases every trace of an image."""
        await self._answer("DELETE", f"/v1/images/{image_id}")

    async def delete_images(self, *, limit: int = 500, **filters: Unpack[Filters]) -> Bulk:
        """Erases the first images that the filters let through; at least one filter is needed.

        Call again while some are `left`.
        """
        query = _sent({"limit": limit, **filters})
        return read(Bulk, await self._answer("DELETE", "/v1/images", params=query))

    async def retry_images(self, *, limit: int = 500, **filters: Unpack[Filters]) -> Bulk:
        """Has those that failed or are partial analysed again; call again while some are `left`."""
        query = _sent({"limit": limit, **filters})
        return read(Bulk, await self._answer("POST", "/v1/retries", params=query))

    async def reanalyse(self, **filters: Unpack[Filters]) -> Reanalysis:
        """Has all images with a result that the filters let through analysed again.

        Their results stay until the new ones are there. At least one filter is needed.
        """
        return read(
            Reanalysis, await self._answer("POST", "/v1/reanalyses", params=_sent({**filters}))
        )

    async def reanalysis(
        self, reanalysis_id: str, *, limit: int = 100, cursor: str = ""
    ) -> Reanalysis:
        """How far a reanalysis is, and what it changed so far."""
        query = _sent({"limit": limit, "cursor": cursor or None})
        return await self._document(Reanalysis, f"/v1/reanalyses/{reanalysis_id}", params=query)

    async def changes(self, after: str = "") -> AsyncGenerator[tuple[str, ImageState], None]:
        """Images as they change, each with the id of the change; survives broken streams.

        Args:
            after: the id of the last change that was seen; without one, from now on.
        """
        while True:
            headers = {"Last-Event-ID": after} if after else {}
            try:
                async with aclosing(self._events("/v1/events", headers)) as events:
                    async for number, state in events:
                        after = number
                        yield number, state
            except (NoAnswerError, BusyError):
                pass  # asked again below, from the last one on
            await self._wire.sleep(AGAIN_S)

    async def trace(self, image_id: str) -> Json:
        """Spans and log lines of an image: `spans` and `logs`."""
        return await self._json(f"/v1/images/{image_id}/trace")

    async def export(
        self,
        format: Literal["csv", "parquet", "coco", "xmp"] = "csv",  # noqa: A002  # the API's name
        *,
        neutralise: bool = True,
        **filters: Unpack[Filters],
    ) -> AsyncGenerator[bytes, None]:
        """The results that the filters let through, or all, as one file, in chunks.

        Args:
            format: `csv` and `parquet` have a row a face, `coco` boxes and keypoints, `xmp` is
                a zip of sidecars.
            neutralise: in CSV, a quote stands before text that a spreadsheet would run.
        """
        query = _sent({"format": format, "neutralise": neutralise, **filters})
        async with self._open("GET", "/v1/export", params=query) as answer:
            async for chunk in self._wire.chunks(answer):
                yield chunk

    async def stats(self) -> Stats:
        """Numbers for dashboards, the models in use, and what cannot work just now."""
        return await self._document(Stats, "/v1/stats")

    async def plots(self) -> list[Plot]:
        """The plots that there are."""
        found = (await self._json("/v1/plots")).get("plots", [])
        return [valid(Plot, plot) for plot in found]

    async def plot(self, name: str, kind: Literal["png", "svg", "json"] = "png") -> bytes:
        """One plot, or the data behind it."""
        return (await self._answer("GET", f"/v1/plots/{name}.{kind}")).content

    async def health(self) -> Health:
        """That the API is alive, and its version."""
        return await self._document(Health, "/healthz")

    async def _send_some(self, parts: Json) -> tuple[list[Upload], float]:
        """The entries of a call, and when to send again those that there was no room for."""
        try:
            answer = await self._answer("POST", "/v1/images", **parts)
        except ProblemError as error:  # no file was accepted
            if "images" not in error.document:
                raise
            return valid(UploadAnswer, error.document).images, error.retry_after_s
        return read(UploadAnswer, answer).images, retry_after_of(answer)

    async def _patiently(self, call: Callable[[], Awaitable[T]], seconds: float) -> T:
        patience = Patience(seconds)
        while True:
            try:
                return await call()
            except (BusyError, NoAnswerError) as error:
                pause_s = patience.pause_s(error)
                if pause_s is None:
                    raise
            await self._wire.sleep(pause_s)

    async def _events(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[tuple[str, ImageState], None]:
        timeout = httpx.Timeout(SILENCE_S, connect=3.0)
        async with self._open("GET", path, timeout=timeout, headers=headers) as answer:
            fields: dict[str, str] = {}
            async for line in self._wire.lines(answer):
                name, _, value = line.partition(":")
                if line:
                    fields[name] = value.strip()
                    continue
                if "data" in fields:
                    yield fields.get("id", ""), valid(ImageState, parsed(fields["data"]))
                fields = {}


def _sent(query: Json) -> Json:
    """Parameters as they are sent; those that are None are not."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in query.items()
        if value is not None
    }


def _unfinished(waiting: list[str], states: dict[str, ImageState], timeout_s: float) -> str:
    found = {image_id[:8]: str(getattr(states.get(image_id), "status", "")) for image_id in waiting}
    shown = ", ".join(f"{name} {status}".strip() for name, status in list(found.items())[:5])
    return f"{len(waiting)} images are not finished after {timeout_s:g} s: {shown}"
