"""Uploads: how images are sent, and sent again while the API is busy or away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar, Unpack

from facepipe_client.documents import Upload, UploadAnswer
from facepipe_client.errors import BusyError, NoAnswerError, ProblemError, retry_after_of
from facepipe_client.exchange import Exchange, Json, read, valid
from facepipe_client.files import Chunks, File, body_of, form_of, is_repeatable, rewind
from facepipe_client.patience import Patience
from facepipe_client.uploads import Accepted, AllAccepted, Wishes, is_busy, refusal, upload_parts

T = TypeVar("T")


class Sending(Exchange):
    """Calls that send images."""

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
