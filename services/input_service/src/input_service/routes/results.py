"""The files of an image: result document, annotated JPEG, the upload as it came."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from facepipe.domain.analysis import AnalysisDocument, ImageId
from facepipe.domain.errors import (
    DeadlineExceededError,
    ImageDeletedError,
    ImageNotFoundError,
    ServiceUnavailableError,
)
from facepipe.domain.status import Status
from facepipe.files.formats import MEDIA_TYPES
from facepipe.files.store import FoundFile
from facepipe.ledger.states import ImageState
from facepipe.web.file_response import StoredFile, file_answer, has_it, not_modified
from facepipe.web.problems import PROBLEM_MEDIA_TYPE
from input_service.chosen import chosen_of, parsed_paths
from input_service.examples import NOT_FINISHED, RESULT, shown
from input_service.file_names import derived_name, inline, upload_name
from input_service.results import damaged, require_result
from input_service.services import Services, ServicesDep
from input_service.views import Responses
from input_service.xmp import sidecar

router = APIRouter(prefix="/v1/images/{image_id}", tags=["results"])
_log = logging.getLogger(__name__)

PARTS: Responses = {
    304: {"description": "It is still the one that `If-None-Match` names"},
    206: {"description": "The part that the header `Range` asks for"},
    416: {"description": "The file has no such range"},
}
_RESPONSES: Responses = {
    **PARTS,
    404: {"description": "No such image"},
    409: {
        "description": "Not finished yet, or failed: `code` tells which",
        "content": shown(NOT_FINISHED, PROBLEM_MEDIA_TYPE),
    },
    410: {"description": "Deleted"},
    500: {"description": "The file is gone from the volume or is not whole: `result_damaged`"},
}


@router.get(
    "/result",
    summary="The result document",
    response_class=StoredFile,
    responses={
        **_RESPONSES,
        200: {
            "model": AnalysisDocument,
            "description": "The result",
            "content": shown(RESULT),
        },
    },
)
def get_result(
    image_id: ImageId,
    request: Request,
    services: ServicesDep,
    fields: Annotated[
        str,
        Query(
            max_length=2000,
            description="only these, separated by commas",
            examples=["num_faces,faces.box,faces.agegender.age"],
        ),
    ] = "",
    landmarks: Annotated[bool, Query(description="false: faces without their points")] = True,
) -> Response:
    """`saved_data/<image_id>.json`, as it is on disk, or the chosen part of it."""
    paths = parsed_paths(fields)
    found, state = file_of_result(services.results.document, image_id, services)
    document = services.results.read_document(image_id)
    headers = named(state, ".json")
    if landmarks and not paths:
        return answer_with(found, request, services, "application/json", headers)
    chosen = json.dumps(chosen_of(document, paths, landmarks=landmarks)).encode()
    return _made(request, chosen, "application/json", headers)


@router.get(
    "/sidecar.xmp",
    summary="An XMP sidecar",
    response_class=Response,
    responses={
        **_RESPONSES,
        200: {"content": {"application/rdf+xml": {}}, "description": "The sidecar"},
    },
)
def get_sidecar(image_id: ImageId, request: Request, services: ServicesDep) -> Response:
    """The faces as MWG regions, with reliable ages and genders as keywords."""
    _, state = file_of_result(services.results.document, image_id, services)
    text = sidecar(services.results.read_document(image_id))
    return _made(request, text, "application/rdf+xml", named(state, ".xmp"))


@router.get(
    "/source",
    summary="The upload as it came",
    response_class=StoredFile,
    responses={
        **PARTS,
        404: {"description": "No such image, or uploads are not kept"},
        410: {"description": "Deleted"},
        200: {"content": {"image/*": {}}, "description": "The upload, byte for byte"},
    },
)
def get_source(image_id: ImageId, request: Request, services: ServicesDep) -> Response:
    """The upload, byte for byte."""
    state = _state(image_id, services)
    if state is not None and state.status is Status.DELETED:
        raise ImageDeletedError(f"{image_id} was deleted")
    media_type = MEDIA_TYPES.get(state.image.format, "") if state else ""
    return answer_with(
        services.results.source(image_id),
        request,
        services,
        media_type or "application/octet-stream",
        named(state),
    )


def answer_with(
    found: FoundFile,
    request: Request,
    services: Services,
    media_type: str,
    headers: dict[str, str],
) -> Response:
    """The file, or where a client of the API is to fetch it."""
    settings = services.settings
    shown = request.headers.get("authorization", "")
    # Services need not reach the object store, nor believe its certificate.
    is_sent = settings.files.downloads == "stream" or settings.inside_token.is_shown_by(shown)
    link = None if is_sent else found.store.link(found.name)
    if link is not None:
        return RedirectResponse(link, headers={"Cache-Control": "no-store"})
    return file_answer(found, media_type, headers)


def named(state: ImageState | None, ending: str = "") -> dict[str, str]:
    """The name to save a file under, where the ledger tells it."""
    if state is None:
        return {}
    name = derived_name(state.image, ending) if ending else upload_name(state.image)
    return {"Content-Disposition": inline(name)}


def _made(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    """What was made for this call, or that the caller has the same already."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if has_it(request.headers, etag):
        return not_modified({"etag": etag})
    return Response(content, media_type=media_type, headers={**headers, "ETag": etag})


def file_of_result(
    find: Callable[[str], FoundFile], image_id: str, services: Services
) -> tuple[FoundFile, ImageState | None]:
    state = _with_result(image_id, services)
    try:
        return find(image_id), state
    except ImageNotFoundError as error:
        if _with_result(image_id, services) is None:  # it may have been deleted meanwhile
            raise
        raise damaged(image_id, "a file of its result is gone from the volume") from error


def _with_result(image_id: str, services: Services) -> ImageState | None:
    """The state of an image with a result; raises what the ledger says where there is none."""
    state = _state(image_id, services)
    if state is not None:
        require_result(state)
    return state


def _state(image_id: str, services: Services) -> ImageState | None:
    """What the ledger says; None when it does not answer, then the files speak for it."""
    try:
        return services.store.get(image_id)
    except (ServiceUnavailableError, DeadlineExceededError) as error:
        _log.warning("answering from the files alone: %s", error)
        return None
