"""What the input API can do, each call written once; `client.py` makes two clients of it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Literal, TypeVar, Unpack

import httpx
from pydantic import BaseModel, ValidationError

from facepipe_client.base import Health, Plot
from facepipe_client.documents import (
    Filters,
    ImagePage,
    ImageState,
    Result,
    Stats,
    Upload,
    UploadAnswer,
)
from facepipe_client.errors import (
    BusyError,
    NoAnswerError,
    ProblemError,
    UnexpectedAnswerError,
    WaitTimeoutError,
    problem_class,
    problem_of,
)
from facepipe_client.files import Chunks, File, body_of, form_of, is_repeatable, rewind
from facepipe_client.patience import Patience
from facepipe_client.wire import Wire
from facepipe_client.words import FINAL

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Json = dict[str, Any]

UPLOAD_S = 120.0
# The API sends a comment every few seconds; silence beyond means a dead connection.
SILENCE_S = 60.0
AGAIN_S = 1.0
_SOON_S, _LATER_S = 0.05, 1.0
_PAGE = 500


class Api:
    """Calls of the input API.

    Each of them raises NoAnswerError when the API cannot be reached, the subclass of ProblemError
    that tells why it refused, and UnexpectedAnswerError when the answer is none of this API.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def upload(
        self,
        file: File | Chunks,
        name: str = "",
        *,
        wait_s: float | None = None,
        force: bool = False,
        urgent: bool = False,
        patience_s: float = 0.0,
    ) -> Upload:
        """Sends one image.

        Args:
            file: its bytes, its path, an open file, or the chunks of it as they come.
            name: for people; a path and an open file bring their own, chunks have none.
            wait_s: how long to wait for the result, which is then in the answer.
            force: analyse it again if it is known already.
            urgent: a person waits for it; it goes before bulk.
            patience_s: how long to try again while the API is busy or away; not with chunks.

        Raises:
            RefusedError: the API will never take this file.
            BusyError: it has no room just now.
        """

        async def send() -> Upload:
            rewind(file)
            with body_of(file, name) as body:
                [upload] = (await self._send(body, wait_s, force=force, urgent=urgent)).images
            if upload.image_id is None:
                raise _refusal(upload)
            return upload

        return await self._patiently(send, patience_s if is_repeatable(file) else 0.0)

    async def upload_many(
        self,
        files: Iterable[File],
        *,
        wait_s: float | None = None,
        force: bool = False,
        urgent: bool = False,
        patience_s: float = 0.0,
    ) -> list[Upload]:
        """Sends images in one call; an entry for each, in their order.

        A file that is refused has an `error` and hinders no other. While patience lasts, files
        that the API has no room for are sent again.
        """
        chosen = list(files)
        entries: dict[int, Upload] = {}

        async def send() -> None:
            left = [n for n in range(len(chosen)) if n not in entries or _is_busy(entries[n])]
            for number in left:
                rewind(chosen[number])
            with form_of(chosen[number] for number in left) as body:
                sent, retry_after_s = await self._send_some(body, wait_s, force, urgent)
            entries.update(zip(left, sent, strict=True))
            if busy := next((entry for entry in sent if _is_busy(entry)), None):
                raise _refusal(busy, retry_after_s)

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
        """A page of images, newest first; `next_cursor` leads to the next one."""
        query = {"limit": limit, "cursor": cursor or None, **filters}
        return await self._document(ImagePage, "/v1/images", params=_sent(query))

    async def images(self, **filters: Unpack[Filters]) -> AsyncGenerator[ImageState, None]:
        """All images that the filters let through, newest first, fetched page by page."""
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
                async with aclosing(self._events(image_id)) as states:
                    async for state in states:
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
        upload = await self.upload(file, name, urgent=True, patience_s=timeout_s)
        image_id = str(upload.image_id)
        await self.wait(image_id, timeout_s)
        return await self.result(image_id)

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

    async def retry(self, image_id: str) -> Upload:
        """Has an image that failed, or whose result is partial, analysed again."""
        answer = await self._answer("POST", f"/v1/images/{image_id}/retry")
        return _read(Upload, answer)

    async def delete(self, image_id: str) -> None:
        """Erases every trace of an image."""
        await self._answer("DELETE", f"/v1/images/{image_id}")

    async def trace(self, image_id: str) -> Json:
        """Spans and log lines of an image: `spans` and `logs`."""
        return await self._json(f"/v1/images/{image_id}/trace")

    async def export(
        self,
        format: Literal["csv", "parquet", "coco"] = "csv",  # noqa: A002  # the API's name
        *,
        neutralise: bool = True,
    ) -> AsyncGenerator[bytes, None]:
        """All results as one file, in chunks.

        Args:
            format: `csv` and `parquet` have a row a face, `coco` boxes and keypoints.
            neutralise: in CSV, a quote stands before text that a spreadsheet would run.
        """
        query = {"format": format, "neutralise": neutralise}
        async with self._open("GET", "/v1/export", params=query) as answer:
            async for chunk in self._wire.chunks(answer):
                yield chunk

    async def stats(self) -> Stats:
        """Numbers for dashboards, the models in use, and what cannot work just now."""
        return await self._document(Stats, "/v1/stats")

    async def plots(self) -> list[Plot]:
        """The plots that there are."""
        found = (await self._json("/v1/plots")).get("plots", [])
        return [_valid(Plot, plot) for plot in found]

    async def plot(self, name: str, kind: Literal["png", "svg", "json"] = "png") -> bytes:
        """One plot, or the data behind it."""
        return (await self._answer("GET", f"/v1/plots/{name}.{kind}")).content

    async def health(self) -> Health:
        """That the API is alive, and its version."""
        return await self._document(Health, "/healthz")

    async def _send(
        self, body: Json, wait_s: float | None, *, force: bool, urgent: bool
    ) -> UploadAnswer:
        answer = await self._answer(*_POST, **_upload(body, wait_s, force=force, urgent=urgent))
        return _read(UploadAnswer, answer)

    async def _send_some(
        self, body: Json, wait_s: float | None, force: bool, urgent: bool
    ) -> tuple[list[Upload], float]:
        """The entries of a call, and when to send again those that there was no room for."""
        try:
            answer = await self._answer(*_POST, **_upload(body, wait_s, force=force, urgent=urgent))
        except ProblemError as error:  # no file was accepted
            if "images" not in error.document:
                raise
            return _valid(UploadAnswer, error.document).images, error.retry_after_s
        return _read(UploadAnswer, answer).images, problem_of(answer).retry_after_s

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

    async def _events(self, image_id: str) -> AsyncGenerator[ImageState, None]:
        path, timeout = f"/v1/images/{image_id}/events", httpx.Timeout(SILENCE_S, connect=3.0)
        async with self._open("GET", path, timeout=timeout) as answer:
            async for line in self._wire.lines(answer):
                if line.startswith("data:"):
                    yield _valid(ImageState, _parsed(line.removeprefix("data:")))

    async def _document(self, kind: type[M], path: str, **parts: Any) -> M:
        return _read(kind, await self._answer("GET", path, **parts))

    async def _json(self, path: str) -> Json:
        found = _parsed((await self._answer("GET", path)).content)
        if not isinstance(found, dict):
            raise UnexpectedAnswerError(f"{path} is no JSON object")
        return found

    async def _answer(self, method: str, path: str, **parts: Any) -> httpx.Response:
        async with self._open(method, path, **parts) as answer:
            await self._wire.read(answer)
            return answer

    @asynccontextmanager
    async def _open(self, method: str, path: str, **parts: Any) -> AsyncIterator[httpx.Response]:
        request = self._wire.request(method, path, **parts)
        with _broken_off(request):
            answer = await self._wire.send(request)
            try:
                if not answer.is_success:
                    await self._wire.read(answer)
                    raise problem_of(answer)
                yield answer
            finally:
                await self._wire.release(answer)


_POST = ("POST", "/v1/images")


def _upload(body: Json, wait_s: float | None, *, force: bool, urgent: bool) -> Json:
    """The parts of an upload's request."""
    headers = body.get("headers", {}) | ({"X-Priority": "interactive"} if urgent else {})
    params = _sent({"wait": wait_s, "force": force or None})
    timeout = httpx.Timeout(UPLOAD_S + (wait_s or 0.0), connect=3.0)
    return {**body, "headers": headers, "params": params, "timeout": timeout}


@contextmanager
def _broken_off(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        what = str(error) or type(error).__name__
        raise NoAnswerError(f"{request.url.netloc.decode()} does not answer: {what}") from error


def _sent(query: Json) -> Json:
    """Parameters as they are sent; those that are None are not."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in query.items()
        if value is not None
    }


def _is_busy(upload: Upload) -> bool:
    return upload.image_id is None and isinstance(_refusal(upload), BusyError)


def _refusal(upload: Upload, retry_after_s: float = 0.0) -> ProblemError:
    """Why a file was refused."""
    error = upload.error
    if error is None:
        raise UnexpectedAnswerError("a file has neither an id nor an error")
    kind = problem_class(error.status, error.code)
    return kind(error.detail, error.status, error.code, retry_after_s=retry_after_s)


def _unfinished(waiting: list[str], states: dict[str, ImageState], timeout_s: float) -> str:
    found = {image_id[:8]: str(getattr(states.get(image_id), "status", "")) for image_id in waiting}
    shown = ", ".join(f"{name} {status}".strip() for name, status in list(found.items())[:5])
    return f"{len(waiting)} images are not finished after {timeout_s:g} s: {shown}"


def _read(kind: type[M], answer: httpx.Response) -> M:
    return _valid(kind, _parsed(answer.content))


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnexpectedAnswerError("the answer is no JSON") from error


def _valid(kind: type[M], found: Any) -> M:
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise UnexpectedAnswerError(f"the answer is no {kind.__name__}: {error}") from error
