from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pytest

from facepipe.domain.analysis import ImageInfo, LandmarksPart, PartError
from facepipe.domain.errors import ImageNotFoundError, ServiceUnavailableError
from facepipe.domain.options import AnalysisOptions
from facepipe.domain.status import Status
from facepipe.files.image_store import FaceCrops, ImageStore, SourceImages
from facepipe.files.imaging import RgbImage
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ImageState, StageRun
from landmark_service import jobs
from landmark_service.faces import Detection, Mesh
from landmark_service.pipeline import FacePipeline
from landmark_service.settings import DetectorSettings

from .test_mesh_search import mesh
from .test_pipeline import FakeDetector, FakeLandmarker

IMAGE_ID = "cd" * 32
FACE = Detection(100, 100, 200, 220, 0.9)


@dataclass
class FakeLedger:
    accepts: bool = True
    broken: bool = False
    parts: list[LandmarksPart] = field(default_factory=list)
    runs: list[StageRun] = field(default_factory=list)
    failures: list[PartError] = field(default_factory=list)
    options: AnalysisOptions | None = None

    def get(self, image_id: str) -> ImageState:
        now = datetime.now(UTC)
        image = ImageInfo(
            width=400, height=300, format="PNG", sha256=image_id, options=self.options
        )
        return ImageState(image_id, 1, Status.DETECTING, image, now, now)

    def save_started(self, run: StageRun) -> bool:
        return True

    def save_part(self, run: StageRun, part: LandmarksPart) -> bool:
        if self.broken:
            raise ServiceUnavailableError("data_storage_service does not answer")
        self.runs.append(run)
        self.parts.append(part)
        return self.accepts

    def save_failure(self, run: StageRun, error: PartError) -> bool:
        self.failures.append(error)
        return True


@dataclass
class FakeStore:
    crops: dict[str, FaceCrops] = field(default_factory=dict)

    def put_crops(self, image_id: str, crops: FaceCrops) -> None:
        self.crops[image_id] = crops


@dataclass
class FakeSources:
    image: RgbImage | None

    def load(self, image_id: str) -> RgbImage:
        if self.image is None:
            raise ImageNotFoundError("the upload is gone")
        return self.image


@dataclass
class Rig:
    """A worker with everything around it faked, and what it did."""

    ledger: FakeLedger
    store: FakeStore
    worker: jobs.LandmarkWorker


@pytest.fixture
def rig() -> Callable[..., Rig]:
    def build(
        detections: list[Detection], ledger: FakeLedger | None = None, *, gone: bool = False
    ) -> Rig:
        ledger, store = ledger or FakeLedger(), FakeStore()
        image = None if gone else np.zeros((300, 400, 3), np.uint8)
        worker = jobs.LandmarkWorker(
            pipeline=FacePipeline(
                FakeDetector({1.0: detections}),
                FakeLandmarker([Mesh(mesh(), 0.0)]),
                DetectorSettings(),
            ),
            client=cast(FaceStoreClient, ledger),
            store=cast(ImageStore, store),
            sources=cast(SourceImages, FakeSources(image)),
        )
        return Rig(ledger, store, worker)

    return build


def test_faces_are_saved_and_cropped(rig: Callable[..., Rig]) -> None:
    subject = rig([FACE])
    subject.worker.find_faces(IMAGE_ID, 3)
    [part] = subject.ledger.parts
    assert len(part.faces[0].landmarks) == 478
    assert set(subject.ledger.runs[0].timings_ms) >= {"load", "detect", "landmarks", "crops"}
    assert subject.store.crops[IMAGE_ID].shape == (1, 224, 224, 3)


def test_an_image_without_a_face_is_a_part_without_crops(rig: Callable[..., Rig]) -> None:
    subject = rig([])
    subject.worker.find_faces(IMAGE_ID, 1)
    assert [part.faces for part in subject.ledger.parts] == [[]]
    assert subject.store.crops == {}


def test_a_ledger_that_is_away_raises_so_that_the_job_comes_back(
    rig: Callable[..., Rig],
) -> None:
    subject = rig([FACE], FakeLedger(broken=True))
    with pytest.raises(ServiceUnavailableError):
        subject.worker.find_faces(IMAGE_ID, 1)
    assert subject.ledger.failures == []


def test_an_upload_that_is_gone_is_reported_as_the_stages_failure(
    rig: Callable[..., Rig],
) -> None:
    subject = rig([], gone=True)
    subject.worker.find_faces(IMAGE_ID, 1)
    assert [failure.code for failure in subject.ledger.failures] == ["not_found"]
    assert subject.ledger.parts == []


def test_an_upload_is_analysed_as_it_asked(rig: Callable[..., Rig]) -> None:
    # Given two faces, of 120 and 60 pixels, and a server that would take both
    faces = [FACE, Detection(300, 100, 350, 160, 0.8)]

    def found(**asked: Any) -> list[int]:
        ledger = FakeLedger(options=AnalysisOptions(**asked))
        subject = rig(faces, ledger)
        subject.worker.find_faces(IMAGE_ID, 1)
        return [face.box.x1 for face in ledger.parts[0].faces]

    assert found() == [100, 300]
    assert found(min_face_px=80) == found(max_faces=1) == found(confidence=0.85) == [100]
