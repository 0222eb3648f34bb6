"""What clients send as an upload, file by file: a form, or one image as the body."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message as AsgiMessage

from facepipe.domain.errors import ImageTooLargeError, InvalidRequestError
from input_service.intake import write_errors
from input_service.settings import UploadSettings
from input_service.wishes import Wishes, is_list

MULTIPART = "multipart/form-data"
# Tags and attributes may be fields of their own, and forms have others that mean nothing here.
_MAX_FIELDS = 200


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file of a call, its name for people, and what is asked for it."""

    data: bytes
    name: str
    wishes: Wishes


async def files_in(
    request: Request, parameters: BaseModel, file_name: str, limits: UploadSettings
) -> AsyncGenerator[SentFile, None]:
    """The files of a call, one after the other, so that it holds one of them in memory.

    Args:
        request: the call.
        parameters: what the query asks for; a form may ask for more.
        file_name: of an image that is the raw body.
        limits: of files and calls.

    Raises:
        ImageTooLargeError: the call, or its raw body, has too many bytes.
        InvalidRequestError: there is no file in it, or a field has an impossible value.
        StorageFullError, ServiceUnavailableError: a large call cannot be put aside.
    """
    asked = parameters.model_dump(exclude_unset=True)
    limited = _limited(request, limits.max_request_bytes)
    kind = request.headers.get("content-type", "").lower()
    if not kind.startswith(MULTIPART):
        data = await _read_body(limited, limits.max_bytes)
        yield SentFile(data, plain_name(file_name or _name_in(request)), _wishes(asked))
        return
    with write_errors():  # large calls wait in temporary files
        async with limited.form(max_files=limits.max_files, max_fields=_MAX_FIELDS) as form:
            wishes = _wishes(asked | _fields(form))
            for file in _files(form):
                # One byte more than allowed is enough to tell that it is too large.
                data = await file.read(limits.max_bytes + 1)
                yield SentFile(data, plain_name(file.filename), wishes)


def plain_name(file_name: str | None) -> str:
    """A file name as people may see it: without folders, control characters or excess."""
    name = (file_name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable())[:255]


def _wishes(asked: Mapping[str, Any]) -> Wishes:
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
    """The file name of `Content-Disposition`, plain or encoded as RFC 6266 says."""
    header = Message()
    header["Content-Disposition"] = request.headers.get("content-disposition", "")
    return header.get_filename("")


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


async def _read_body(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise ImageTooLargeError(f"the image has more than {max_bytes} bytes")
    if not body:
        raise InvalidRequestError("send an image as the body, or files as multipart field `files`")
    return bytes(body)
