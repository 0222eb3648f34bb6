"""What people say of a result: no face here, a face was missed, the true age and gender."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field, model_validator

from facepipe.domain.analysis import Box, Correction, CorrectionKind, Gender, ImageId
from facepipe.domain.errors import (
    AnalysisFailedError,
    ImageDeletedError,
    ImageNotFoundError,
    InvalidRequestError,
)
from facepipe.domain.status import Status
from facepipe.ledger.states import ImageState
from input_service.access.policy import ANYBODY
from input_service.results import require_result
from input_service.services import Services, ServicesDep
from input_service.views import Responses

router = APIRouter(prefix="/v1/images/{image_id}/corrections", tags=["corrections"])

_RESPONSES: Responses = {
    404: {"description": "No such image, face or correction"},
    410: {"description": "Deleted"},
    503: {"description": "The ledger does not answer"},
}
_CANNOT: Responses = {
    409: {
        "description": "Not finished yet, or failed; or the image would have to be analysed again "
        "and its upload was not kept: `source_not_kept`"
    }
}


class Said(BaseModel):
    """What a person says of an image.

    `not_a_face` and `truth` are said of a face, by `face_index` or by its box; `truth` has an
    age, a gender or both. `missed_face` is the box that was drawn around one.
    """

    kind: CorrectionKind
    face_index: Annotated[int, Field(ge=0, le=100_000)] | None = None
    box: Box | None = None
    age: Annotated[int, Field(ge=0, le=120, description="years")] | None = None
    gender: Literal[Gender.MALE, Gender.FEMALE] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        is_truth = self.kind is CorrectionKind.TRUTH
        if is_truth == (self.age is None and self.gender is None):
            raise ValueError("`truth` has an age or a gender, the other kinds have none")
        if (self.face_index is None) == (self.box is None):
            raise ValueError("name a face by `face_index`, or give a `box`")
        if self.kind is CorrectionKind.MISSED_FACE and self.box is None:
            raise ValueError("a missed face needs the `box` that was drawn around it")
        return self


class CorrectionList(BaseModel):
    """The corrections of an image, the first one first."""

    corrections: list[Correction]


@router.get("", summary="What people said of an image", responses=_RESPONSES)
def list_corrections(image_id: ImageId, services: ServicesDep) -> CorrectionList:
    """The corrections of an image, the first one first."""
    return CorrectionList(corrections=list(_state(services, image_id).corrections))


@router.post("", status_code=201, summary="Correct a result", responses={**_RESPONSES, **_CANNOT})
def add_correction(
    image_id: ImageId, said: Said, request: Request, services: ServicesDep
) -> Correction:
    """Keeps what a person says. What the models found stays; the truth stands beside it.

    A missed face has the image analysed again, with the box that was drawn: it then has
    landmarks, age and gender like any other. A correction stays when an image is analysed again.
    """
    state = _state(services, image_id)
    if state.status is Status.FAILED:
        raise AnalysisFailedError("the image has no result that could be corrected")
    box = said.box or _box_of(services, state, said.face_index or 0)
    if box.x1 < 0 or box.y1 < 0 or box.x2 > state.image.width or box.y2 > state.image.height:
        size = f"{state.image.width} x {state.image.height}"
        raise InvalidRequestError(f"the box lies outside of the image, which is {size} pixels")
    is_missed = said.kind is CorrectionKind.MISSED_FACE
    if is_missed:
        services.intake.require_source(image_id)
    caller = request.state.caller
    correction = Correction(
        number=0,
        kind=said.kind,
        box=box,
        age=said.age,
        gender=said.gender,
        made_at=datetime.now(UTC),
        made_by=None if caller is ANYBODY else caller.name,
    )
    made = services.store.add_correction(image_id, correction)
    if is_missed:
        services.intake.start_over(image_id, anew=True)
    return made


@router.delete("/{number}", status_code=204, summary="Take a correction back", responses=_RESPONSES)
def remove_correction(
    image_id: ImageId,
    number: Annotated[int, Path(ge=1, le=2**53)],
    services: ServicesDep,
) -> Response:
    """A face that had been drawn goes away: the image is analysed again without its box."""
    state = _state(services, image_id)
    known = next((one for one in state.corrections if one.number == number), None)
    is_missed = known is not None and known.kind is CorrectionKind.MISSED_FACE
    if is_missed:
        services.intake.require_source(image_id)
    if services.store.remove_correction(image_id, number) is None:
        raise ImageNotFoundError(f"the image has no correction {number}")
    if is_missed:
        services.intake.start_over(image_id, anew=True)
    return Response(status_code=204)


def _state(services: Services, image_id: str) -> ImageState:
    state = services.store.get(image_id)
    if state.status is Status.DELETED:
        raise ImageDeletedError(f"{image_id} was deleted")
    return state


def _box_of(services: Services, state: ImageState, index: int) -> Box:
    require_result(state)
    faces = services.results.read_document(state.image_id)["faces"]
    if index >= len(faces):
        raise ImageNotFoundError(f"the image has {len(faces)} faces; the first one is 0")
    return Box.model_validate(faces[index]["box"])
