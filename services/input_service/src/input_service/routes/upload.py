"""`POST /v1/images`: many files or a raw body in, one answer a file."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from email.message import Message
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message as AsgiMessage

from facepipe.domain.analysis import Status
from facepipe.domain.errors import (
    FacepipeError,
    ImageNotFoundError,
    ImageTooLargeError,
    InvalidRequestError,
)
from facepipe.files.formats import LABELS
from facepipe.web.problems import problem_response
from input_service.examples import UPLOADED, UPLOADED_WITH_RESULT, leads_to, shown
from input_service.intake import write_errors
from input_service.services import Services, ServicesDep
from input_service.settings import UploadSettings
from input_service.views import Links, UploadAnswer, UploadError, UploadView

_MULTIPART = "multipart/form-data"
_BINARY = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        _MULTIPART: {
            "schema": {
                "type": "object",
                "properties": {"files": {"type": "array", "items": _BINARY}},
                "required": ["files"],
            }
        },
        "image/*": {"schema": _BINARY},
        "application/octet-stream": {"schema": _BINARY},
    },
}


_DESCRIPTION = f"""Accepts {LABELS}.

Send one or many files as multipart field `files` (or any other name), or one image as the raw
body, which is named by `Content-Disposition` or `?file_name=`. Each file gets an entry of its own;
the call fails only when no file was accepted.

A file that is cut short or broken is decoded as far as it goes: `image.damaged` says so, and
`image.decoded_share` how much of it there is. Of an animation the first frame that is not blank is
taken (`image.frame`), of a camera's RAW file the preview of full size that is in it
(`image.preview`).
"""
_FOLLOWING = (
    "get_image",
    "get_result",
    "get_annotated",
    "get_source",
    "get_thumbnail",
    "get_trace",
    "retry_image",
    "delete_image",
)
_Priority = Annotated[
    str,
    Header(max_length=32, description="`interactive`: a person waits for it; it goes before bulk"),
]
_Wait = Annotated[float | None, Query(ge=0, le=300, description="seconds to wait for the results")]


def create_router(settings: UploadSettings) -> APIRouter:
    """The upload route; the size of a call is limited before anything is read into memory."""
    router = APIRouter(tags=["images"])

    @router.post(
        "/v1/images",
        status_code=202,
        response_model=UploadAnswer,
        summary="Send images",
        description=_DESCRIPTION,
        openapi_extra={"requestBody": _BODY},
        responses={
            202: {
                "description": "Accepted: on disk, and analysed whatever happens",
                "content": shown(UPLOADED),
                "links": leads_to(*_FOLLOWING),
            },
            200: {
                "model": UploadAnswer,
                "description": "With `wait`: results, where ready",
                "content": shown(UPLOADED_WITH_RESULT),
                "links": leads_to(*_FOLLOWING),
            },
            400: {"description": "No file, or too many"},
            413: {"description": "Too many bytes or pixels"},
            415: {"description": "Not an image of an accepted format"},
            422: {"description": "An accepted format that cannot be decoded"},
            429: {"description": "Too many images are waiting; see `Retry-After`"},
            503: {"description": "The inbox cannot be written just now"},
            507: {"description": "The inbox volume is full"},
        },
    )
    async def send_images(
        request: Request,
        services: ServicesDep,
        wait: _Wait = None,
        x_priority: _Priority = "",
        file_name: Annotated[
            str, Query(max_length=1024, description="of an image that is the raw body")
        ] = "",
        force: Annotated[bool, Query(description="analyse again what is known already")] = False,
    ) -> Response:
        deadline = None if wait is None else time.monotonic() + wait
        urgent = wait is not None or x_priority.lower() == "interactive"
        limited = _limited(request, settings.max_request_bytes)
        views, errors = await _receive(
            limited, services, file_name=file_name, force=force, urgent=urgent
        )
        if not any(view.image_id for view in views):
            return _refusal(request, views, errors)
        if deadline is not None:
            await asyncio.gather(
                *(_await_result(view, services, deadline) for view in views if view.image_id)
            )
        answer = UploadAnswer(images=views).model_dump(mode="json")
        return JSONResponse(answer, 202 if wait is None else 200, _retry_after(errors))

    return router


async def _receive(
    request: Request, services: Services, *, file_name: str, force: bool, urgent: bool
) -> tuple[list[UploadView], list[FacepipeError]]:
    """Takes the files one after the other, so that one call holds one file in memory."""
    limit = services.settings.upload
    views: list[UploadView] = []
    errors: list[FacepipeError] = []

    async def take(data: bytes, name: str) -> None:
        try:
            accepted = await asyncio.to_thread(
                services.intake.accept, data, name, force=force, urgent=urgent
            )
        except FacepipeError as error:
            errors.append(error)
            views.append(UploadView(file_name=name, error=UploadError.of(error)))
            return
        views.append(
            UploadView(
                file_name=name,
                image_id=accepted.image_id,
                status=accepted.status,
                known=accepted.known,
                links=Links.of(accepted.image_id),
            )
        )

    if not request.headers.get("content-type", "").lower().startswith(_MULTIPART):
        data = await _read_body(request, limit.max_bytes)
        await take(data, _plain_name(file_name or _name_in(request)))
        return views, errors
    with write_errors():  # large calls wait in temporary files
        async with request.form(max_files=limit.max_files, max_fields=20) as form:
            for file in _files(form):
                # One byte more than allowed is enough to tell that it is too large.
                await take(await file.read(limit.max_bytes + 1), _plain_name(file.filename))
    return views, errors


def _name_in(request: Request) -> str:
    """The file name of `Content-Disposition`, plain or encoded as RFC 6266 says."""
    header = Message()
    header["Content-Disposition"] = request.headers.get("content-disposition", "")
    return header.get_filename("")


def _plain_name(file_name: str | None) -> str:
    """A file name as people may see it: without folders, control characters or excess."""
    name = (file_name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable())[:255]


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


def _refusal(
    request: Request, views: Sequence[UploadView], errors: Sequence[FacepipeError]
) -> JSONResponse:
    first = errors[0]
    return problem_response(
        request,
        first.http_status,
        first.code,
        first.title,
        first.message,
        headers=_retry_after(errors),
        extra={"images": [view.model_dump(mode="json") for view in views]},
    )


def _retry_after(errors: Sequence[FacepipeError]) -> dict[str, str]:
    """When to send what was refused again; the longest time of all files."""
    waits_s = [error.retry_after_s for error in errors if error.retry_after_s is not None]
    return {"Retry-After": str(max(1, math.ceil(max(waits_s))))} if waits_s else {}


async def _await_result(view: UploadView, services: Services, deadline: float) -> None:
    """Follows an image until it is finished or time is up, and fills in what is there."""
    assert view.image_id  # noqa: S101  # the caller picks accepted ones
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            async for state in services.feed.follow(view.image_id, services.store):
                view.status = state.status
                if state.status is Status.FAILED and state.error:
                    view.error = UploadError(
                        code=state.error.code, status=409, detail=state.error.message
                    )
    except (TimeoutError, ImageNotFoundError):
        pass
    except FacepipeError:
        return  # the ledger does not answer; the image is safe all the same
    if view.status in (Status.STORED, Status.PARTIAL):
        try:
            view.result = await asyncio.to_thread(services.results.read_document, view.image_id)
        except FacepipeError as error:
            view.error = UploadError(
                code=error.code, status=error.http_status, detail=error.message
            )
