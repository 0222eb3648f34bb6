"""A volume that holds as many results as wanted, by bulk: rows of the ledger and documents."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, update

from data_storage_service.database import open_index
from data_storage_service.rows import face_rows
from data_storage_service.schema import FACES, FACES_VERSION, CounterRow, ImageRow, RunRow
from facepipe.domain.analysis import (
    AgeGender,
    AnalysisDocument,
    Box,
    Doubt,
    Face,
    Gender,
    HeadPose,
    ImageInfo,
    LandmarkPoint,
    ModelInfo,
    Models,
)
from facepipe.files.result_files import ledger_file
from facepipe.stages import StageName

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=30)
_NOBODY = "0" * 64
_KINDS = 60
_FACES = (0, 1, 1, 2, 1)  # of one image and the next
_AT_ONCE = 2000


def make_results(saved_data: Path, count: int, landmarks: int = 478) -> None:
    """Fills a volume on which nothing is yet with stored results; annotated images there are none.

    Args:
        saved_data: the folder.
        count: of images; there is one face an image on average.
        landmarks: of each face.
    """
    kinds = [_document(kind, landmarks) for kind in range(_KINDS)]
    texts = [kind.model_dump_json(indent=1) + "\n" for kind in kinds]
    engine = open_index(ledger_file(saved_data))
    try:
        for begin in range(0, count, _AT_ONCE):
            numbers = range(begin, min(count, begin + _AT_ONCE))
            ids = [hashlib.sha256(f"many {number}".encode()).hexdigest() for number in numbers]
            with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
                _insert(connection, numbers, ids, kinds)
            for number, image_id in zip(numbers, ids, strict=True):
                text = texts[number % _KINDS].replace(_NOBODY, image_id)
                (saved_data / f"{image_id}.json").write_text(text)
    finally:
        engine.dispose()


def _insert(
    connection: Connection, numbers: range, ids: list[str], kinds: list[AnalysisDocument]
) -> None:
    images: list[dict[str, Any]] = []
    faces: list[dict[str, Any]] = []
    runs: list[dict[str, Any]] = []
    for number, image_id in zip(numbers, ids, strict=True):
        document = kinds[number % _KINDS]
        images.append(_image_row(number, image_id, document))
        faces += [row | {"image_id": image_id} for row in face_rows(document)]
        runs += _run_rows(number, image_id)
    connection.execute(insert(ImageRow), images)
    connection.execute(insert(RunRow), runs)
    if faces:
        connection.execute(insert(FACES), faces)
    latest = update(CounterRow).where(CounterRow.name == "revision")
    connection.execute(latest.values(value=numbers[-1] + 1))


def _image_row(number: int, image_id: str, document: AnalysisDocument) -> dict[str, Any]:
    received_at = BEGIN + number * EVERY
    return {
        "image_id": image_id,
        "generation": 1,
        "status": document.status,
        "file_name": document.image.file_name,
        "format": document.image.format,
        "width": document.image.width,
        "height": document.image.height,
        "size_bytes": document.image.size_bytes,
        "received_at": received_at,
        "updated_at": received_at + timedelta(seconds=2),
        "completed_at": received_at + timedelta(seconds=2),
        "num_faces": document.num_faces,
        "traceparent": f"00-{image_id[:32]}-{image_id[:16]}-01",
        "faces_version": FACES_VERSION,
        "revision": number + 1,
    }


def _run_rows(number: int, image_id: str) -> Iterator[dict[str, Any]]:
    steps = {StageName.LANDMARK: "detect", StageName.AGEGENDER: "agegender"}
    for position, stage in enumerate(StageName):
        begin = BEGIN + number * EVERY + timedelta(milliseconds=100 + 400 * position)
        yield {
            "image_id": image_id,
            "stage": stage,
            "attempt": 1,
            "worker": f"{stage}-1",
            "started_at": begin,
            "ended_at": begin + timedelta(milliseconds=350),
            "timings_ms": {steps.get(stage, "store"): 100.0 + number % 200},
        }


def _document(kind: int, landmarks: int) -> AnalysisDocument:
    chance = random.Random(kind)
    faces = [_face(chance, index, landmarks) for index in range(_FACES[kind % len(_FACES)])]
    model = ModelInfo(name="made up", sha256="1" * 64)
    return AnalysisDocument(
        timestamp=BEGIN,
        image_path=f"saved_data/{_NOBODY}.jpg",
        redis_key=f"image:{_NOBODY}",
        num_faces=len(faces),
        faces=faces,
        image=ImageInfo(
            width=1350,
            height=1350,
            format="JPEG",
            sha256=_NOBODY,
            file_name=f"photograph {kind}.jpg",
            size_bytes=200_000 + kind,
        ),
        models=Models(detector=model, landmarks=model, agegender=model),
        timings_ms={"queued": 3.0, "detect": 41.0, "agegender": 12.0, "store": 9.0},
    )


def _face(chance: random.Random, index: int, landmarks: int) -> Face:
    age, side = chance.randrange(1, 90), 300 - 40 * index
    x, y = chance.randrange(900), chance.randrange(900)
    is_reliable = chance.random() < 0.7
    return Face(
        face_index=index,
        box=Box(x1=x, y1=y, x2=x + side, y2=y + side),
        confidence=round(chance.uniform(0.3, 1), 3),
        landmarks=[
            LandmarkPoint(x=x + chance.uniform(0, side), y=y + chance.uniform(0, side))
            for _ in range(landmarks)
        ],
        pose=HeadPose(yaw=chance.uniform(-60, 60), pitch=0, roll=chance.uniform(-30, 30)),
        agegender=AgeGender(
            age=age,
            gender=chance.choice([Gender.FEMALE, Gender.MALE]),
            age_low=max(0, age - 6),
            age_high=age + 7,
            gender_confidence=round(chance.uniform(0.5, 1), 3),
            reliable=is_reliable,
            age_reliable=is_reliable,
            gender_reliable=True,
            quality=round(chance.random(), 3),
            reasons=[] if is_reliable else [Doubt.WIDE_AGE_RANGE],
        ),
    )
