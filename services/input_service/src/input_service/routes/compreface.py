"""A drop-in for CompreFace's detection service: `POST /api/v1/detection/detect`.

Programs written for it find faces here without a change. Each image goes through the pipeline like
any other, and is kept like any other. Off by default: FACEPIPE_COMPREFACE_ENABLED.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from facepipe.domain.analysis import AnalysisDocument, Face, Gender
from facepipe.domain.corrections import without_rejected
from facepipe.domain.errors import (
    AnalysisFailedError,
    DeadlineExceededError,
    FacepipeError,
    InvalidRequestError,
)
from input_service.compreface_errors import DETECT, NoFaceError
from input_service.routes.upload import await_result
from input_service.services import Services, ServicesDep
from input_service.views import UploadView

router = APIRouter(tags=["CompreFace"])

PLUGINS = ("age", "gender", "landmarks", "pose")
# Points of the mesh, from the left of the picture: eyes, tip of the nose, corners of the mouth.
_FIVE_POINTS = (468, 473, 1, 61, 291)
_SHARE_OF_INTERVAL = 0.8


class Parameters(BaseModel):
    """What a call asks for, as CompreFace has it."""

    limit: int = Field(default=0, ge=0, description="of the largest faces; 0: all")
    det_prob_threshold: float = Field(
        default=0.0, ge=0, le=1, description="a face the detector is less sure of is left out"
    )
    face_plugins: str = Field(
        default="", max_length=200, description=f"{', '.join(PLUGINS)}, separated by commas"
    )
    status: bool = Field(default=False, description="times and models as well")

    def plugins(self) -> frozenset[str]:
        """Raises InvalidRequestError where there is none of that name."""
        names = frozenset(name.strip() for name in self.face_plugins.split(",")) - {""}
        if unknown := sorted(names - {*PLUGINS}):
            raise InvalidRequestError(
                f"face_plugins: there is no {unknown[0][:50]} here; there are {', '.join(PLUGINS)}"
            )
        return names


@router.post(DETECT, summary="Find faces, as CompreFace answers")
async def detect(
    request: Request, services: ServicesDep, parameters: Annotated[Parameters, Query()]
) -> dict[str, Any]:
    """Multipart `file`, or JSON `{"file": base64}`; the answer waits for the result."""
    plugins = parameters.plugins()
    document = await _analysed(request, services)
    faces = [
        face
        for face in without_rejected(document.faces)
        if face.confidence >= parameters.det_prob_threshold
    ]
    if not faces:
        raise NoFaceError("No face is found in the given image")
    answer: dict[str, Any] = {
        "result": [_face(face, plugins) for face in faces[: parameters.limit or None]]
    }
    if parameters.status:
        for one in answer["result"]:
            one["execution_time"] = _times(document)
        answer["plugins_versions"] = _versions(document)
    return answer


async def _analysed(request: Request, services: Services) -> AnalysisDocument:
    """The result of the image that is sent, within the time that is set."""
    wait_s = services.settings.compreface.wait_s
    deadline = time.monotonic() + wait_s
    sent = await services.bodies.one(request, "file")
    accepted = await asyncio.to_thread(services.intake.accept, sent.data, sent.name, urgent=True)
    view = UploadView.of(accepted, sent.name)
    await await_result(view, services, deadline)
    if view.result is None:
        if view.error is not None:
            raise AnalysisFailedError(view.error.detail)
        raise DeadlineExceededError(
            f"the image {accepted.image_id} is not analysed within {wait_s:g} s; ask again"
        )
    try:
        return AnalysisDocument.model_validate(view.result)
    except ValueError as error:
        raise FacepipeError(f"the result of {accepted.image_id} cannot be read") from error


def _face(face: Face, plugins: frozenset[str]) -> dict[str, Any]:
    box, found = face.box, face.agegender
    told: dict[str, Any] = {
        "box": {
            "probability": face.confidence,
            "x_max": box.x2,
            "y_max": box.y2,
            "x_min": box.x1,
            "y_min": box.y1,
        }
    }
    if "age" in plugins and found.age_low is not None and found.age_high is not None:
        low, high = found.age_low, found.age_high
        told["age"] = {"probability": _SHARE_OF_INTERVAL, "high": high, "low": low}
    if "gender" in plugins and found.gender_confidence is not None:
        told["gender"] = {
            "probability": found.gender_confidence,
            "value": Gender(found.gender).value,
        }
    if "landmarks" in plugins and face.landmarks:
        points = [face.landmarks[index] for index in _FIVE_POINTS]
        told["landmarks"] = [[round(point.x), round(point.y)] for point in points]
    if "pose" in plugins and face.pose is not None:
        told["pose"] = face.pose.model_dump()
    return told


def _times(document: AnalysisDocument) -> dict[str, float]:
    """Milliseconds; age and gender come of one run of one model."""
    names = {"detector": "detect", "landmarks": "landmarks", "age": "agegender"}
    names["gender"] = "agegender"
    known = document.timings_ms
    return {theirs: float(known[ours]) for theirs, ours in names.items() if ours in known}


def _versions(document: AnalysisDocument) -> dict[str, str]:
    models = document.models
    named = {"detector": models.detector, "landmarks": models.landmarks}
    named |= dict.fromkeys(("age", "gender"), models.agegender)
    return {name: model.name for name, model in named.items() if model is not None}
