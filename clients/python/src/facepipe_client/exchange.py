"""A request out, an answer in: its errors, and documents made of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from facepipe_client.errors import NoAnswerError, UnexpectedAnswerError, problem_of
from facepipe_client.wire import Wire

M = TypeVar("M", bound=BaseModel)
Json = dict[str, Any]


class Exchange:
    """Sends requests over a wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def _document(self, kind: type[M], path: str, **parts: Any) -> M:
        return read(kind, await self._answer("GET", path, **parts))

    async def _json(self, path: str, params: Json | None = None) -> Json:
        found = parsed((await self._answer("GET", path, params=params)).content)
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


@contextmanager
def _broken_off(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        what = str(error) or type(error).__name__
        raise NoAnswerError(f"{request.url.netloc.decode()} does not answer: {what}") from error


def read(kind: type[M], answer: httpx.Response) -> M:
    return valid(kind, parsed(answer.content))


def parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnexpectedAnswerError("the answer is no JSON") from error


def valid(kind: type[M], found: Any) -> M:
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise UnexpectedAnswerError(f"the answer is no {kind.__name__}: {error}") from error
