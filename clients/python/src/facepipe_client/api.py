"""What the input API can do, each call written once; `client.py` makes two clients of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Literal, Unpack

from facepipe_client.base import Health, Plot
from facepipe_client.documents import (
    Bulk,
    Correction,
    CorrectionList,
    Filters,
    ImagePage,
    ImageState,
    Limits,
    QueueState,
    Reanalysis,
    Result,
    Stats,
)
from facepipe_client.exchange import Json, read, valid
from facepipe_client.files import Chunks, File
from facepipe_client.following import Following
from facepipe_client.sending import Sending
from facepipe_client.uploads import Accepted

_PAGE = 500


class Api(Sending, Following):
    """Calls of the input API.

    Each of them raises NoAnswerError when the API cannot be reached, the subclass of ProblemError
    that tells why it refused, and UnexpectedAnswerError when the answer is none of this API.
    """

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

    async def annotated(
        self,
        image_id: str,
        *,
        labels: Literal["none", "numbers", "full"] = "full",
        landmarks: bool = True,
        blur: bool | None = None,
    ) -> bytes:
        """The annotated JPEG as it is wanted, drawn anew; `blur=None`: as the stored one is."""
        query: dict[str, str | bool] = {"labels": labels, "landmarks": landmarks}
        query |= {} if blur is None else {"blur": blur}
        return (await self._answer("GET", f"/v1/images/{image_id}/annotated", params=query)).content

    async def thumbnail(
        self, image_id: str, size: int = 256, *, fit: Literal["faces", "whole"] = "faces"
    ) -> bytes:
        """A small JPEG: the square around the faces, or the whole image."""
        query = {"size": size, "fit": fit}
        path = f"/v1/images/{image_id}/thumbnail.jpg"
        return (await self._answer("GET", path, params=query)).content

    async def sidecar(self, image_id: str) -> bytes:
        """The XMP sidecar: its faces as regions, ages and gender as keywords."""
        return (await self._answer("GET", f"/v1/images/{image_id}/sidecar.xmp")).content

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

    async def pause(self) -> QueueState:
        """Has the workers finish what they have in hand and take nothing new.

        What is sent is accepted, and waits. A pause outlives restarts; `resume` ends it.
        """
        return read(QueueState, await self._answer("POST", "/v1/queue/pause"))

    async def resume(self) -> QueueState:
        """Has the workers go on with what waits."""
        return read(QueueState, await self._answer("POST", "/v1/queue/resume"))

    async def limits(self) -> Limits:
        """What an upload may be, as the server is set."""
        return await self._document(Limits, "/v1/limits")

    async def plots(self) -> list[Plot]:
        """The plots that there are."""
        found = (await self._json("/v1/plots")).get("plots", [])
        return [valid(Plot, plot) for plot in found]

    async def plots_data(self, **filters: Unpack[Filters]) -> list[Json]:
        """The data of all plots over the images that the filters let through."""
        found = await self._json("/v1/plots/data", params=_sent({**filters}))
        plots: list[Json] = found.get("plots", [])
        return plots

    async def plot(self, name: str, kind: Literal["png", "svg", "json"] = "png") -> bytes:
        """One plot, or the data behind it."""
        return (await self._answer("GET", f"/v1/plots/{name}.{kind}")).content

    async def health(self) -> Health:
        """That the API is alive, and its version."""
        return await self._document(Health, "/healthz")


def _sent(query: Json) -> Json:
    """Parameters as they are sent; those that are None are not."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in query.items()
        if value is not None
    }
