"""Result documents as data_storage_service writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from facepipe.analysis import (
    AgeGender,
    AnalysisDocument,
    Box,
    Face,
    Gender,
    ImageInfo,
    Models,
)

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def face(age: int | None = 30, gender: Gender = Gender.FEMALE, confidence: float = 0.9) -> Face:
    estimate = AgeGender(age=age, gender=gender, reliable=age is not None)
    return Face(
        face_index=0,
        box=Box(x1=0, y1=0, x2=10, y2=10),
        confidence=confidence,
        landmarks=[],
        agegender=estimate,
    )


def image_id(number: int) -> str:
    return f"{number:064x}"


def document(
    number: int,
    faces: Sequence[Face] = (),
    timestamp: datetime = NOON,
    timings_ms: dict[str, float] | None = None,
) -> bytes:
    name = image_id(number)
    return (
        AnalysisDocument(
            timestamp=timestamp,
            image_path=f"saved_data/{name}.jpg",
            redis_key=f"image:{name}",
            num_faces=len(faces),
            faces=list(faces),
            image=ImageInfo(width=10, height=10, format="PNG", sha256=name),
            models=Models(),
            timings_ms={"detect": 40.0} if timings_ms is None else timings_ms,
        )
        .model_dump_json()
        .encode()
    )


def store(folder: Path, number: int, faces: Sequence[Face] = ()) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{image_id(number)}.json"
    path.write_bytes(document(number, faces))
    return path
