"""`POST /v1/images`: many files or a raw body in, one answer a file."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response

from facepipe.domain.errors import (
    FacepipeError,
    ImageNotFoundError,
)
from facepipe.domain.status import Status
from facepipe.files.formats import LABELS
from facepipe.web.problems import problem_response
from input_service.bodies import JSON, MULTIPART
from input_service.examples import UPLOADED, UPLOADED_WITH_RESULT, leads_to, shown
from input_service.services import Services, ServicesDep
from input_service.settings import UploadSettings
from input_service.views import UploadAnswer, UploadError, UploadView
from input_service.wishes import UploadParameters, Wishes

_BINARY = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        MULTIPART: {
            "schema": {
                "type": "object",
                "properties": {
                    "files": {"type": "array", "items": _BINARY},
                    **Wishes.fields(),
                },
                "required": ["files"],
            }
        },
        JSON: {
            "schema": {
                "type": "object",
                "properties": {
                    "base64": {"type": "string"},
                    "url": {"type": "string"},
                    "file_name": {"type": "string"},
                    **Wishes.fields(),
                },
            }
        },
        "application/zip": {"schema": _BINARY},
        "image/*": {"schema": _BINARY},
        "application/octet-stream": {"schema": _BINARY},
    },
}


_DESCRIPTION = f"""Accepts {LABELS}.

Send one or many files as multipart field `files` (or any other name), or one image as the raw
body, which is named by `Content-Disposition` or `?file_name=`. JSON is `{{"base64": ...}}`, or
where the server allows it `{{"url": ...}}`, with `file_name`, labels and options beside it. Of a
zip each file is taken, and its folder is kept as `folder`. Each file gets an entry of its own;
the call fails only when no file was accepted. Labels (`external_id`, `tags`, `folder`) and options
are parameters, or fields of the form, and hold for all files of the call. Bytes that are known
already keep their labels; other options for them are a new analysis.

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
        parameters: Annotated[UploadParameters, Query()],
        x_priority: _Priority = "",
    ) -> Response:
        wait = parameters.wait
        deadline = None if wait is None else time.monotonic() + wait
        urgent = wait is not None or x_priority.lower() == "interactive"
        views, errors = await _receive(request, services, parameters, urgent=urgent)
        if not any(view.image_id for view in views):
            return _refusal(request, views, errors)
        if deadline is not None:
            await asyncio.gather(
                *(await_result(view, services, deadline) for view in views if view.image_id)
            )
        return Response(
            UploadAnswer(images=views).model_dump_json(),
            202 if wait is None else 200,
            _retry_after(errors),
            media_type="application/json",
        )

    return router


async def _receive(
    request: Request, services: Services, parameters: UploadParameters, *, urgent: bool
) -> tuple[list[UploadView], list[FacepipeError]]:
    """Takes the files one after the other."""
    settings = services.settings
    views: list[UploadView] = []
    errors: list[FacepipeError] = []
    files = services.bodies.files(request, parameters, parameters.file_name)
    async with aclosing(files):
        async for file in files:
            options = file.wishes.options(settings.detector)
            try:
                if isinstance(file.content, FacepipeError):
                    raise file.content
                accepted = await asyncio.to_thread(
                    services.intake.accept,
                    file.content,
                    file.name,
                    labels=file.wishes.labels(),
                    options=options,
                    force=parameters.force,
                    urgent=urgent,
                )
            except FacepipeError as error:
                errors.append(error)
                views.append(UploadView(file_name=file.name, error=UploadError.of(error)))
            else:
                views.append(UploadView.of(accepted, file.name))
    return views, errors


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


async def await_result(view: UploadView, services: Services, deadline: float) -> None:
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
