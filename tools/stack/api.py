"""The input API as the verbs use it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from facepipe.domain.analysis import AnalysisDocument, Status
from tools.stack.errors import StackError

_UPLOAD_S = 120


class BusyError(Exception):
    """The API asked to slow down."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"asked to wait for {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class RefusedError(Exception):
    """The API does not want this file, now or later; the message is its own."""


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """Where an image stands; `reason` tells why it failed, or what of it is missing."""

    image_id: str
    status: Status
    reason: str = ""


class Api:
    """A client of one input_service. Used from several threads at once."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def send(self, photo: Path) -> ImageStatus:
        """Uploads a photograph.

        Raises:
            BusyError: the API is busy; the same call later will do.
            RefusedError: it will never take this file.
            httpx.HTTPError: it does not answer, or has a fault of its own.
        """
        with photo.open("rb") as file:
            files = {"files": (photo.name, file)}
            answer = self._client.post("/v1/images", files=files, timeout=_UPLOAD_S)
        if answer.status_code in (429, 503, 507):
            raise BusyError(_retry_after(answer))
        if 400 <= answer.status_code < 500:
            raise RefusedError(_detail(answer))
        answer.raise_for_status()
        entry = answer.json()["images"][0]
        return ImageStatus(entry["image_id"], Status(entry["status"]))

    def find(self, image_id: str) -> ImageStatus | None:
        """Where an image stands, or None when it was never accepted."""
        answer = self._client.get(f"/v1/images/{image_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        body = answer.json()
        reason = (body.get("error") or {}).get("message", "")
        return ImageStatus(image_id, Status(body["status"]), reason)

    def wait(self, image_id: str, timeout_s: float) -> ImageStatus:
        """Waits until an image is finished.

        Raises:
            StackError: it was not finished in time.
        """
        start = time.monotonic()
        seen: ImageStatus | None = None
        while time.monotonic() - start < timeout_s:
            seen = self.find(image_id)
            if seen is not None and seen.status.is_final:
                return seen
            time.sleep(0.1)
        where = seen.status.value if seen else "unknown"
        raise StackError(
            f"the photograph was not finished in {timeout_s:g} s, it is {where}: `make status` and "
            "`make logs` say more"
        )

    def result(self, image_id: str) -> AnalysisDocument:
        answer = self._client.get(f"/v1/images/{image_id}/result")
        answer.raise_for_status()
        return AnalysisDocument.model_validate(answer.json())

    def stats(self) -> dict[str, Any]:
        answer = self._client.get("/v1/stats")
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body


def _retry_after(answer: httpx.Response) -> float:
    try:
        return max(0.1, float(answer.headers.get("Retry-After", "1")))
    except ValueError:
        return 1.0


def _detail(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    return str(body.get("detail") or body.get("title") or f"HTTP {answer.status_code}")
