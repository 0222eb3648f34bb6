"""What clients send as an upload, file by file: a form, one image as the body, JSON, a zip."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import tempfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message as AsgiMessage

from facepipe.domain.errors import (
    FacepipeError,
    ImageTooLargeError,
    InvalidRequestError,
    UrlNotAllowedError,
)
from input_service.archives import SIGNATURE, entries_of
from input_service.forms import file_name_of, form_of
from input_service.intake import write_errors
from input_service.outgoing import Outgoing
from input_service.parameters import require_known
from input_service.settings import UploadSettings
from input_service.wishes import Wishes, is_list

MULTIPART = "multipart/form-data"
JSON = "application/json"
# Tags and attributes may be fields of their own, and forms have others that mean nothing here.
_MAX_FIELDS = 200
_MAX_JSON_BESIDE = 64 * 1024


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file of a call, or why it cannot be had; its name for people; what is asked for it."""

    content: bytes | FacepipeError
    name: str
    wishes: Wishes


@dataclass(frozen=True, slots=True)
class OneImage:
    """The only image of a call, and its name for people."""

    data: bytes
    name: str


class Bodies:
    """Reads uploads.

    Args:
        limits: of files and calls.
        outgoing: fetches URLs; None: they are refused.
        max_redirects: of a fetch.
    """

    def __init__(
        self, limits: UploadSettings, outgoing: Outgoing | None = None, max_redirects: int = 0
    ) -> None:
        self._limits = limits
        self._outgoing = outgoing
        self._max_redirects = max_redirects

    async def files(
        self, request: Request, parameters: BaseModel, file_name: str
    ) -> AsyncGenerator[SentFile, None]:
        """The files of a call, one after the other, so that it holds one of them in memory.

        Args:
            request: the call.
            parameters: what the query asks for; a form or JSON may ask for more.
            file_name: of an image that is the raw body.

        Raises:
            ImageTooLargeError: the call, or its raw body, has too many bytes.
            InvalidRequestError: there is no file in it, or a field has an impossible value.
            StorageFullError, ServiceUnavailableError: a large call cannot be put aside.
        """
        asked = parameters.model_dump(exclude_unset=True)
        limited = _limited(request, self._limits.max_request_bytes)
        kind = _kind_of(request)
        if kind == MULTIPART:
            async for file in self._of_form(limited, asked):
                yield file
        elif kind == JSON:
            yield await self._of_json(limited, asked)
        else:
            async for file in self._raw(limited, asked, file_name or _name_in(request)):
                yield file

    async def one(self, request: Request, field: str) -> OneImage:
        """The image of a call that has one: a file of a form, or base64 in JSON, of this name.

        Raises:
            ImageTooLargeError: it has too many bytes.
            InvalidRequestError: there is no such file.
        """
        limited = _limited(request, self._limits.max_request_bytes)
        if _kind_of(request) == JSON:
            sent = await self._json(limited)
            if isinstance(sent, dict) and isinstance(sent.get(field), str):
                return OneImage(_decoded(sent[field]), "")
        elif _kind_of(request) == MULTIPART:
            with write_errors():
                async with form_of(limited, self._limits.max_files, _MAX_FIELDS) as form:
                    file = form.get(field)
                    if isinstance(file, UploadFile):
                        data = await file.read(self._limits.max_bytes + 1)
                        return OneImage(data, plain_name(file.filename))
        raise InvalidRequestError(
            f'send the image as the file `{field}` of a form, or as `{{"{field}": base64}}`'
        )

    async def _of_form(
        self, request: Request, asked: Mapping[str, Any]
    ) -> AsyncGenerator[SentFile, None]:
        limits = self._limits
        with write_errors():  # large calls wait in temporary files
            async with form_of(request, limits.max_files, _MAX_FIELDS) as form:
                wishes = wishes_of({**asked, **_fields(form)})
                for file in _files(form):
                    if (head := await file.read(len(SIGNATURE))) == SIGNATURE:
                        async for entry in self._unpacked(file.file, wishes):
                            yield entry
                        continue
                    # One byte more than allowed is enough to tell that it is too large.
                    data = head + await file.read(limits.max_bytes + 1 - len(head))
                    yield SentFile(data, plain_name(file.filename), wishes)

    async def _raw(
        self, request: Request, asked: Mapping[str, Any], file_name: str
    ) -> AsyncGenerator[SentFile, None]:
        wishes = wishes_of(asked)
        body = bytearray()
        chunks = request.stream()
        async for chunk in chunks:
            body += chunk
            if body.startswith(SIGNATURE):
                break
            if len(body) > self._limits.max_bytes:
                raise ImageTooLargeError(f"the image has more than {self._limits.max_bytes} bytes")
        if not body:
            raise InvalidRequestError(
                "send an image as the body, or files as multipart field `files`"
            )
        if not body.startswith(SIGNATURE):
            yield SentFile(bytes(body), plain_name(file_name), wishes)
            return
        with write_errors(), tempfile.TemporaryFile() as file:
            file.write(body)
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
            async for entry in self._unpacked(file, wishes):
                yield entry

    async def _unpacked(self, file: IO[bytes], wishes: Wishes) -> AsyncGenerator[SentFile, None]:
        file.seek(0)
        entries = entries_of(file, self._limits)
        while (entry := await asyncio.to_thread(next, entries, None)) is not None:
            folder = "/".join(part for part in (wishes.folder, entry.folder) if part)[:1024]
            own = wishes.model_copy(update={"folder": folder})
            yield SentFile(entry.content, plain_name(entry.name), own)

    async def _json(self, request: Request) -> Any:
        most = 4 * self._limits.max_bytes // 3 + _MAX_JSON_BESIDE
        try:
            return json.loads(await _read(request, most))
        except ValueError as error:
            raise InvalidRequestError(f"the body is no JSON: {error}") from error

    async def _of_json(self, request: Request, asked: Mapping[str, Any]) -> SentFile:
        most = self._limits.max_bytes
        sent = await self._json(request)
        if not isinstance(sent, dict) or ("url" in sent) == ("base64" in sent):
            raise InvalidRequestError('send `{"base64": ..., "file_name": ...}` or `{"url": ...}`')
        require_known("field", sent, [*Wishes.model_fields, "url", "base64", "file_name"])
        wishes = wishes_of({**asked, **sent})
        name = str(sent.get("file_name") or "")
        if "base64" in sent:
            return SentFile(_decoded(sent["base64"]), plain_name(name), wishes)
        if self._outgoing is None:
            raise UrlNotAllowedError("none is fetched here; FACEPIPE_FETCH_ENABLED=true allows it")
        url = str(sent["url"])
        try:
            reply = await self._outgoing.get(url, most, self._max_redirects)
        except FacepipeError as error:
            return SentFile(error, plain_name(name), wishes)
        named = file_name_of(reply.headers.get("content-disposition", ""))
        own = unquote(urlsplit(reply.url).path.rpartition("/")[2])
        return SentFile(reply.body, plain_name(name or named or own), wishes)


def _kind_of(request: Request) -> str:
    """The media type of a body."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def plain_name(file_name: str | None) -> str:
    """A file name as people may see it: without folders, control characters or excess."""
    name = (file_name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable())[:255]


def wishes_of(asked: Mapping[str, Any]) -> Wishes:
    try:
        return Wishes.model_validate(asked)
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise InvalidRequestError(found) from error


def _fields(form: FormData) -> dict[str, Any]:
    """The fields of a form that ask for something; others are those of upload programs."""
    found: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in Wishes.model_fields and isinstance(value, str):
            if is_list(name):
                found.setdefault(name, []).append(value)
            elif value:
                found[name] = value
    return found


def _name_in(request: Request) -> str:
    return file_name_of(request.headers.get("content-disposition", ""))


def _decoded(text: Any) -> bytes:
    """What is meant by base64, with or without the beginning of a data URL."""
    try:
        data = base64.b64decode("".join(str(text).rpartition(",")[2].split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidRequestError(f"base64: {error}") from error
    if not data:
        raise InvalidRequestError("base64 is empty")
    return data


def _limited(request: Request, max_bytes: int) -> Request:
    """The same request, of which no more than `max_bytes` can be read."""
    received = 0

    async def receive() -> AsgiMessage:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise ImageTooLargeError(f"the call has more than {max_bytes} bytes; send fewer files")
        return message

    return Request(request.scope, receive)


def _files(form: FormData) -> list[UploadFile]:
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise InvalidRequestError("send at least one file as multipart field `files`")
    return files


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise ImageTooLargeError(f"the body has more than {max_bytes} bytes")
    return bytes(body)
