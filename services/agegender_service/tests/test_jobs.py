from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agegender_service import jobs
from agegender_service.jobs import AgeGenderWorker
from agegender_service.load_models import load_estimator
from agegender_service.pipeline import cut_crops
from agegender_service.settings import AgeGenderServiceSettings, WeightsChoice
from agegender_service.weights import AGE_FILE, Weights
from facepipe.domain.analysis import (
    AgeGenderPart,
    Box,
    DetectedFace,
    Doubt,
    ImageInfo,
    LandmarkPoint,
    LandmarksPart,
    ModelInfo,
    Part,
    PartError,
)
from facepipe.domain.errors import ImageNotFoundError, ModelError
from facepipe.domain.geometry import Point
from facepipe.domain.status import Status
from facepipe.files.image_store import FaceCrops, SourceImages
from facepipe.files.imaging import RgbImage, cut_face_crop
from facepipe.files.inbox import Inbox, InboxEntry
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.folder import FolderFiles
from facepipe.ledger.states import ImageState, StageRun
from facepipe.stages import StageName

from .tiny_models import some_crops

IMAGE_ID = "ab" * 32
INFO = ImageInfo(width=300, height=200, format="PNG", sha256=IMAGE_ID)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class FakeLedger:
    faces: list[DetectedFace] | None
    generation: int = 1
    status: Status = Status.ANALYSING
    parts: list[AgeGenderPart] = field(default_factory=list)
    runs: list[StageRun] = field(default_factory=list)
    failures: list[PartError] = field(default_factory=list)

    def get(self, image_id: str, include_parts: bool = False) -> ImageState:
        model = ModelInfo(name="fake")
        parts: dict[StageName, Part] = {}
        if self.faces is not None:
            found = LandmarksPart(faces=self.faces, detector=model, landmarker=model)
            parts[StageName.LANDMARK] = found
        return ImageState(image_id, self.generation, self.status, INFO, NOW, NOW, parts=parts)

    def save_started(self, run: StageRun) -> bool:
        return True

    def save_part(self, run: StageRun, part: Part) -> bool:
        self.runs.append(run)
        assert isinstance(part, AgeGenderPart)
        self.parts.append(part)
        return True

    def save_failure(self, run: StageRun, error: PartError) -> bool:
        self.failures.append(error)
        return True


@dataclass
class FakeImageStore:
    crops: FaceCrops | None = None

    def get_upload(self, image_id: str) -> bytes | None:
        return None

    def put_upload(self, image_id: str, data: bytes) -> None: ...

    def get_crops(self, image_id: str) -> FaceCrops | None:
        return self.crops

    def put_crops(self, image_id: str, crops: FaceCrops) -> None: ...

    def discard(self, image_id: str) -> None: ...


def face(x1: int = 20) -> DetectedFace:
    return DetectedFace(box=Box(x1=x1, y1=30, x2=x1 + 90, y2=150), confidence=0.9)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AgeGenderServiceSettings:
    monkeypatch.setenv("FACEPIPE_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("FACEPIPE_VOLUMES_ROOT", str(tmp_path / "volumes"))
    return AgeGenderServiceSettings()


@pytest.fixture
def with_weights(tmp_path: Path, tiny_weights: Callable[..., Weights]) -> Weights:
    return tiny_weights(tmp_path / "models/age_gender/open")


def worker_of(
    settings: AgeGenderServiceSettings, ledger: FakeLedger, store: FakeImageStore
) -> AgeGenderWorker:
    inbox = Inbox(FolderFiles(settings.volumes.root))
    results = ResultFiles(FolderFiles(settings.volumes.root))
    sources = SourceImages(store, inbox, results, "http://127.0.0.1:9", settings.inside_token)
    return AgeGenderWorker(settings, load_estimator(settings), ledger, store, sources)


@pytest.mark.usefixtures("with_weights")
def test_cached_crops_are_estimated_in_one_part(settings: AgeGenderServiceSettings) -> None:
    # given
    ledger = FakeLedger([face(), face(150)])

    # when
    worker_of(settings, ledger, FakeImageStore(some_crops(2))).estimate(IMAGE_ID, 1)

    # then
    (part,) = ledger.parts
    assert len(part.faces) == 2
    assert all(one.age is not None and Doubt.NO_LANDMARKS in one.reasons for one in part.faces)
    assert part.model.name == f"{AGE_FILE} + gender_model_weights.onnx"
    assert {"crops", "agegender"} <= set(ledger.runs[0].timings_ms)


@pytest.mark.parametrize("cached", [None, some_crops(5)])
@pytest.mark.usefixtures("with_weights")
def test_lost_or_outdated_crops_are_cut_again(
    cached: FaceCrops | None, settings: AgeGenderServiceSettings, tmp_path: Path
) -> None:
    # given an upload in the inbox, and no crops of its two faces
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "upload.png")
    entry = InboxEntry(image=INFO, received_at=NOW)
    inbox = Inbox(FolderFiles(settings.volumes.root))
    inbox.add(IMAGE_ID, (tmp_path / "upload.png").read_bytes(), entry)
    faces = [face(), face(150)]
    again, as_cached = FakeLedger(faces), FakeLedger(faces)

    # when
    worker_of(settings, again, FakeImageStore(cached)).estimate(IMAGE_ID, 1)

    # then they say what crops from the landmark stage would have said
    crops = np.stack([cut_face_crop(pixels, one.box.to_bounding_box()) for one in faces])
    worker_of(settings, as_cached, FakeImageStore(crops)).estimate(IMAGE_ID, 1)
    assert again.parts == as_cached.parts


def test_a_crop_that_is_cut_again_is_turned_as_the_landmarks_of_its_face_say() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    eyes = [Point(40, 60), Point(80, 90)]
    found = face().model_copy(update={"landmarks": [LandmarkPoint.from_point(p) for p in eyes]})

    (crop,) = cut_crops(pixels, [found])

    box = found.box.to_bounding_box()
    assert np.array_equal(crop, cut_face_crop(pixels, box, eyes))
    assert not np.array_equal(crop, cut_face_crop(pixels, box))


def test_switched_off_every_face_is_kept_and_says_so(settings: AgeGenderServiceSettings) -> None:
    settings.agegender.weights = WeightsChoice.NONE
    ledger = FakeLedger([face(), face(150)])

    worker_of(settings, ledger, FakeImageStore()).estimate(IMAGE_ID, 1)

    (part,) = ledger.parts
    assert [one.reasons for one in part.faces] == [[Doubt.SWITCHED_OFF]] * 2
    assert part.model.name == "none"


@pytest.mark.parametrize(
    ("harm", "code"), [("missing", "model_not_found"), ("cut", "model_corrupt")]
)
def test_a_worker_without_its_weights_does_not_start(
    harm: str, code: str, settings: AgeGenderServiceSettings, with_weights: Weights
) -> None:
    assert with_weights.age.path is not None
    if harm == "missing":
        with_weights.age.path.unlink()
    else:
        with_weights.age.path.write_bytes(b"no weights")

    with pytest.raises(ModelError) as raised:
        jobs.load()
    assert raised.value.code == code
    assert str(with_weights.age.path) in raised.value.message


@pytest.mark.parametrize(("generation", "status"), [(2, Status.QUEUED), (1, Status.DELETED)])
def test_an_outdated_job_changes_nothing(
    generation: int, status: Status, settings: AgeGenderServiceSettings
) -> None:
    settings.agegender.weights = WeightsChoice.NONE
    ledger = FakeLedger([face()], generation, status)
    worker_of(settings, ledger, FakeImageStore()).estimate(IMAGE_ID, 1)
    assert (ledger.parts, ledger.failures) == ([], [])


@pytest.mark.usefixtures("with_weights")
def test_an_upload_that_is_gone_fails_the_part(
    settings: AgeGenderServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_self: SourceImages, _image_id: str) -> RgbImage:
        raise ImageNotFoundError("the upload is gone")

    monkeypatch.setattr(SourceImages, "load", gone)
    ledger = FakeLedger([face()])
    worker_of(settings, ledger, FakeImageStore()).estimate(IMAGE_ID, 1)
    assert [error.code for error in ledger.failures] == ["not_found"]
