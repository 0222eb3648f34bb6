"""Thumbnails and face crops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from facepipe.domain.analysis import ImageId
from facepipe.domain.errors import ImageDeletedError
from facepipe.domain.status import Status
from facepipe.files.annotation import AnnotationStyle, Labels
from facepipe.ledger.states import ImageState
from facepipe.web.file_response import StoredFile, has_it, not_modified
from input_service.drawing import Fit
from input_service.file_names import derived_name, inline
from input_service.pictures import tag_of
from input_service.results import require_result
from input_service.routes.results import PARTS, answer_with, file_of_result, named
from input_service.services import ServicesDep
from input_service.views import Responses

router = APIRouter(prefix="/v1/images/{image_id}", tags=["results"])

_RESPONSES: Responses = {
    200: {"content": {"image/jpeg": {}}, "description": "The JPEG"},
    304: {"description": "It is still the one that `If-None-Match` names"},
    404: {"description": "No such image or face, or its upload was not kept"},
    410: {"description": "Deleted"},
    500: {"description": "A file is gone from the volume or is not whole: `result_damaged`"},
    503: {"description": "The ledger does not answer"},
}


@router.get(
    "/thumbnail.jpg",
    summary="A small picture of the image",
    response_class=Response,
    responses=_RESPONSES,
)
async def get_thumbnail(
    image_id: ImageId,
    request: Request,
    services: ServicesDep,
    size: Annotated[int, Query(ge=32, le=2048, description="longest side, pixels")] = 256,
    fit: Annotated[
        Fit, Query(description="`faces`: the square around the faces; `whole`: all of the image")
    ] = Fit.FACES,
) -> Response:
    """Upright; of an image without a result, the middle of it.

    Where uploads are not kept, it is made of the annotated image.
    """
    state = await _state(image_id, services)
    return await _picture(
        request,
        state,
        tag_of(state, f"{fit}-{size}"),
        derived_name(state.image, f"-{size}.jpg"),
        lambda: services.pictures.thumbnail(state, size, fit),
    )


@router.get(
    "/annotated",
    summary="The annotated image",
    response_class=StoredFile,
    responses={
        **_RESPONSES,
        **PARTS,
        200: {"content": {"image/jpeg": {}}, "description": "The JPEG"},
        409: {"description": "Not finished yet, or failed: `code` tells which"},
    },
)
async def get_annotated(
    image_id: ImageId,
    request: Request,
    services: ServicesDep,
    labels: Annotated[
        Labels | None,
        Query(description="`numbers`: with a legend under the photograph of up to 40 faces"),
    ] = None,
    landmarks: Annotated[bool | None, Query(description="contours of the faces")] = None,
    blur: Annotated[bool | None, Query(description="faces that nobody recognises")] = None,
) -> Response:
    """Upright, with boxes, landmarks and labels drawn in: `saved_data/<image_id>.jpg`.

    Where a look of its own is asked for, it is drawn for this call, which needs the upload.
    """
    if labels is None and landmarks is None and blur is None:
        find = services.results.annotated
        found, known = await asyncio.to_thread(file_of_result, find, image_id, services)
        headers = named(known, "-annotated.jpg")
        return answer_with(found, request, services, "image/jpeg", headers)
    state = await _state(image_id, services)
    require_result(state)
    stored = services.settings.storage
    style = AnnotationStyle(
        stored.jpeg_quality,
        stored.blur_faces if blur is None else blur,
        labels or Labels.FULL,
        landmarks is not False,
    )
    return await _picture(
        request,
        state,
        tag_of(state, repr(style)),
        derived_name(state.image, "-annotated.jpg"),
        lambda: services.pictures.annotated(state, style),
    )


@router.get(
    "/faces/{index}/crop.jpg",
    summary="A face",
    response_class=Response,
    responses={**_RESPONSES, 409: {"description": "Not finished yet, or failed"}},
)
async def get_face_crop(
    image_id: ImageId,
    index: Annotated[int, Path(ge=0, le=100_000, description="`face_index`; 0 is the largest")],
    request: Request,
    services: ServicesDep,
) -> Response:
    """One face as the models see it: upright, 224 x 224 pixels."""
    state = await _state(image_id, services)
    require_result(state)
    return await _picture(
        request,
        state,
        tag_of(state, f"face-{index}"),
        derived_name(state.image, f"-face-{index}.jpg"),
        lambda: services.pictures.crop(state, index),
    )


async def _state(image_id: str, services: ServicesDep) -> ImageState:
    state = await asyncio.to_thread(services.store.get, image_id)
    if state.status is Status.DELETED:
        raise ImageDeletedError(f"{image_id} was deleted")
    return state


async def _picture(
    request: Request,
    state: ImageState,
    etag: str,
    name: str,
    draw: Callable[[], Awaitable[bytes]],
) -> Response:
    # A browser may keep it, and asks each time whether it may still show it.
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if has_it(request.headers, etag):
        return not_modified({name.lower(): value for name, value in headers.items()})
    data = await draw()
    headers["Content-Disposition"] = inline(name)
    return Response(data, media_type="image/jpeg", headers=headers)
