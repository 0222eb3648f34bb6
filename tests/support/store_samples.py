"""Parts, runs and images as the stages would send them, for tests of the ledger."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta

import numpy as np
from PIL import Image

from facepipe.domain.analysis import (
    AgeGender,
    AgeGenderPart,
    Box,
    DetectedFace,
    Gender,
    ImageInfo,
    LandmarkPoint,
    LandmarksPart,
    ModelInfo,
    PartError,
)
from facepipe.files.imaging import RgbImage
from facepipe.files.inbox import InboxEntry
from facepipe.ledger.states import StageRun
from facepipe.stages import StageName

START = datetime(2026, 11, 22, 20, 0, 0, 123456, tzinfo=UTC)
ERROR = PartError(code="model_error", message="the model said no")


def image_id_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def png(number: int = 0, width: int = 320, height: int = 240) -> bytes:
    """A small picture, another one for each number."""
    file = io.BytesIO()
    Image.fromarray(pixels(number, width, height)).save(file, "PNG")
    return file.getvalue()


def pixels(number: int = 0, width: int = 320, height: int = 240) -> RgbImage:
    return np.random.default_rng(number).integers(0, 255, (height, width, 3), dtype=np.uint8)


def info(image_id: str, width: int = 320, height: int = 240) -> ImageInfo:
    return ImageInfo(
        width=width,
        height=height,
        format="PNG",
        sha256=image_id,
        file_name="holiday.png",
        size_bytes=1234,
    )


def entry(image_id: str, received_at: datetime = START) -> InboxEntry:
    return InboxEntry(image=info(image_id), received_at=received_at)


def run(
    image_id: str,
    stage: StageName,
    generation: int = 1,
    attempt: int = 1,
    **timings_ms: float,
) -> StageRun:
    offset = 1 + list(StageName).index(stage)
    started_at = START + timedelta(seconds=offset)
    return StageRun(
        image_id=image_id,
        generation=generation,
        stage=stage,
        attempt=attempt,
        worker=f"{stage}-1",
        started_at=started_at,
        ended_at=started_at + timedelta(milliseconds=500),
        timings_ms=timings_ms,
    )


def landmarks(faces: int = 1) -> LandmarksPart:
    """Faces of falling size, side by side."""
    return LandmarksPart(
        faces=[
            DetectedFace(
                box=Box(x1=10 + 70 * index, y1=40, x2=70 + 70 * index - index, y2=110),
                confidence=0.875,
                landmarks=[LandmarkPoint(x=20.0 + 70 * index + n, y=60.5) for n in range(30)],
            )
            for index in range(faces)
        ],
        detector=ModelInfo(name="detector", sha256="d" * 64),
        landmarker=ModelInfo(name="landmarker", sha256="1" * 64),
    )


def estimate(age: int = 28, gender: Gender = Gender.FEMALE) -> AgeGender:
    return AgeGender(
        age=age,
        gender=gender,
        age_low=age - 5,
        age_high=age + 6,
        gender_confidence=0.75,
        reliable=True,
        quality=0.75,
    )


def agegender(*faces: AgeGender) -> AgeGenderPart:
    return AgeGenderPart(
        faces=list(faces or (estimate(),)), model=ModelInfo(name="deepface", sha256="a" * 64)
    )
