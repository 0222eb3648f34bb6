"""The input API, as the viewer uses it. The only place that knows its paths."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any, BinaryIO

import httpx

FINAL = frozenset({"stored", "partial", "failed", "deleted"})
TIMEOUT = httpx.Timeout(15.0, connect=3.0)
UPLOAD_TIMEOUT = httpx.Timeout(120.0, connect=3.0)
# The API sends a comment every few seconds; silence beyond means a dead connection.
FOLLOW_TIMEOUT = httpx.Timeout(60.0, connect=3.0)
FOLLOW_AGAIN_S = 1.0

Json = dict[str, Any]


class ApiError(Exception):
    """The input API refused, or did not answer; the message is for the person at the page.

    Attributes:
        status: the HTTP status; 0 when the API did not answer at all.
        code: the stable code of the problem document.
    """

    def __init__(
        self, message: str, status: int = 0, code: str = "", retry_after_s: float = 0.0
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def is_down(self) -> bool:
        return self.status == 0


class InputApi:
    """Calls of the input API; every failure is an `ApiError`."""

    def __init__(
        self, address: str, key: str = "", transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.address = address.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self.address,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=TIMEOUT,
            trust_env=False,
            transport=transport,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, file: BinaryIO, file_name: str) -> Json:
        """Uploads one file; the API's entry for it, with `image_id` and `status`."""
        answer = await self._call(
            "POST",
            "/v1/images",
            files={"files": (file_name, file)},
            headers={"X-Priority": "interactive"},
            timeout=UPLOAD_TIMEOUT,
        )
        entries = _json(answer).get("images") or [{}]
        entry: Json = entries[0]
        error = entry.get("error")
        if error:
            raise ApiError(str(error.get("detail") or error), 422, str(error.get("code") or ""))
        return entry

    async def state(self, image_id: str) -> Json:
        return _json(await self._call("GET", f"/v1/images/{image_id}"))

    async def images(self, filters: Mapping[str, str], cursor: str, limit: int) -> Json:
        params = {**filters, "limit": limit, **({"cursor": cursor} if cursor else {})}
        return _json(await self._call("GET", "/v1/images", params=params))

    async def result(self, image_id: str) -> Json:
        return _json(await self._call("GET", f"/v1/images/{image_id}/result"))

    async def trace(self, image_id: str) -> Json:
        return _json(await self._call("GET", f"/v1/images/{image_id}/trace"))

    async def plots(self) -> list[Json]:
        """The plots: at least `name` each."""
        answer = (await self._call("GET", "/v1/plots")).json()
        found = answer.get("plots", []) if isinstance(answer, dict) else answer
        return [plot if isinstance(plot, dict) else {"name": str(plot)} for plot in found]

    async def file(self, path: str) -> httpx.Response:
        """A file of the API, whole; `path` begins with /v1/."""
        return await self._call("GET", path)

    async def stats(self) -> Json:
        return _json(await self._call("GET", "/v1/stats"))

    async def follow(self, image_id: str) -> AsyncIterator[Json]:
        """States of an image as they change, up to a final one; survives broken streams."""
        while True:
            try:
                async for state in self._events(image_id):
                    yield state
                    if state.get("status") in FINAL:
                        return
            except httpx.HTTPError:
                pass  # asked again below, which tells what is wrong
            except ApiError as error:
                if error.status != HTTPStatus.TOO_MANY_REQUESTS:
                    raise
            await asyncio.sleep(FOLLOW_AGAIN_S)
            state = await self.state(image_id)
            yield state
            if state.get("status") in FINAL:
                return

    async def _events(self, image_id: str) -> AsyncIterator[Json]:
        path = f"/v1/images/{image_id}/events"
        async with self._http.stream("GET", path, timeout=FOLLOW_TIMEOUT) as answer:
            if answer.is_error:
                await answer.aread()
                raise _api_error(answer)
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    state = json.loads(line[5:])
                    if isinstance(state, dict) and "status" in state:
                        yield state

    async def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise ApiError(f"The input API at {self.address} does not answer.") from error
        if answer.is_error:
            raise _api_error(answer)
        return answer


def _json(answer: httpx.Response) -> Json:
    found = answer.json()
    return found if isinstance(found, dict) else {}


def _api_error(answer: httpx.Response) -> ApiError:
    """What a problem document says; for any other body, the status in words."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.get("detail") or problem.get("title") or answer.reason_phrase
    retry_after = answer.headers.get("retry-after", "")
    return ApiError(
        str(detail),
        answer.status_code,
        str(problem.get("code") or ""),
        float(retry_after) if retry_after.isdecimal() else 0.0,
    )
