from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.domain.analysis import ModelInfo, PartError
from facepipe.domain.errors import ModelError
from facepipe.domain.geometry import BoundingBox, ImageSize
from facepipe.domain.options import AnalysisOptions
from facepipe.files.imaging import RgbImage, cut_face_crop
from landmark_service.faces import Detection, Mesh
from landmark_service.pipeline import (
    CANDIDATE,
    CLOSE_UP_ZOOM,
    THOROUGH_FACES,
    BoxedFace,
    FacePipeline,
    agree,
    cut_crops,
    one_each,
    select_faces,
    with_drawn,
    without_pieces,
)
from landmark_service.settings import DetectorSettings

from .test_mesh_search import mesh

IMAGE = np.zeros((300, 400, 3), np.uint8)


@dataclass
class FakeDetector:
    """Answers by zoom."""

    answers: dict[float, list[Detection]]
    ious: list[float] = field(default_factory=list)
    model: ModelInfo = field(default_factory=lambda: ModelInfo(name="fake", sha256="0" * 64))

    def detect(
        self, image_rgb: RgbImage, *, confidence: float, iou: float, zoom: float = 1.0
    ) -> list[Detection]:
        self.ious.append(iou)
        return self.answers.get(zoom, [])


@dataclass
class FakeLandmarker:
    """Finds what it is told to, and remembers what it was told."""

    answers: list[Mesh | PartError | ModelError]
    asked: list[tuple[float, bool]] = field(default_factory=list)
    model: ModelInfo = field(default_factory=lambda: ModelInfo(name="fake mesh"))

    def find(
        self,
        image_rgb: RgbImage,
        box: BoundingBox,
        roll: float | None = None,
        expected_roll: float = 0.0,
        *,
        thorough: bool = True,
    ) -> Mesh | PartError:
        answer = self.answers[len(self.asked) % len(self.answers)]
        self.asked.append((expected_roll, thorough))
        if isinstance(answer, ModelError):
            raise answer
        return answer


@dataclass
class FakeRefiner:
    """Gives its confidence to every candidate, and remembers what it was asked."""

    confidence: float
    asked: list[Detection] = field(default_factory=list)
    model: ModelInfo = field(default_factory=lambda: ModelInfo(name="fake refiner"))

    def refine(self, image_rgb: RgbImage, candidates: Sequence[Detection]) -> list[Detection]:
        self.asked += candidates
        return [replace(one, confidence=self.confidence) for one in candidates]


def face(x: float, side: float, confidence: float = 0.9) -> Detection:
    return Detection(x, 50, x + side, 50 + side, confidence)


def pipeline(
    detections: list[Detection], *landmarks: Mesh | PartError | ModelError
) -> tuple[FacePipeline, FakeLandmarker]:
    landmarker = FakeLandmarker(list(landmarks))
    return FacePipeline(FakeDetector({1.0: detections}), landmarker, DetectorSettings()), landmarker


def test_faces_come_largest_first_and_one_without_landmarks_stays() -> None:
    # Given a small face with landmarks and a large one without
    missing = PartError(code="no_landmarks", message="none")
    subject, _ = pipeline([face(10, 30), face(100, 90)], missing, Mesh(mesh(), 0.0))
    # When they are analysed
    part = subject.find_landmarks(IMAGE, subject.detect(IMAGE))
    # Then both are there
    assert [one.box.x1 for one in part.faces] == [100, 10]
    assert part.faces[0].landmarks == []
    assert part.faces[0].landmarks_error == missing
    assert len(part.faces[1].landmarks) == 478
    assert part.faces[1].landmarks_error is None
    assert [one.pose is None for one in part.faces] == [True, False]
    assert (part.detector.name, part.landmarker.name) == ("fake", "fake mesh")


@pytest.mark.parametrize(("says", "found"), [(0.9, 1), (0.1, 0)])
def test_the_refiner_has_the_last_word_on_what_the_detector_suspects(
    says: float, found: int
) -> None:
    # Given a detector that is rather sure, hardly sure and all but sure there is none
    for confidence, is_asked in ((0.8, True), (CANDIDATE + 0.01, True), (CANDIDATE / 2, False)):
        refiner = FakeRefiner(says)
        detector = FakeDetector({1.0: [face(100, 90, confidence)]})
        subject = FacePipeline(detector, FakeLandmarker([]), DetectorSettings(), refiner)
        # When faces are sought
        faces = subject.with_options(AnalysisOptions()).detect(IMAGE)
        # Then the refiner decides, on each that is a candidate
        assert len(refiner.asked) == is_asked
        assert [face.confidence for face in faces] == [says] * (found * is_asked)
        assert subject.models["refiner"] == refiner.model
        assert subject.find_landmarks(IMAGE, []).models["refiner"] == refiner.model


def test_a_landmarker_that_fails_on_one_face_costs_that_face_its_landmarks() -> None:
    subject, _ = pipeline([face(10, 30), face(100, 90)], ModelError("broken"), Mesh(mesh(), 0.0))
    part = subject.find_landmarks(IMAGE, subject.detect(IMAGE))
    error = part.faces[0].landmarks_error
    assert error is not None
    assert error.code == "model_error"
    assert len(part.faces[1].landmarks) == 478


def test_the_roll_of_one_face_is_expected_of_the_next() -> None:
    sideways = Mesh(mesh(1.5), 1.5)
    subject, landmarker = pipeline([face(10, 30), face(100, 90), face(200, 40)], sideways)
    subject.find_landmarks(IMAGE, subject.detect(IMAGE))
    assert [expected for expected, _ in landmarker.asked] == pytest.approx(
        [0.0, math.pi / 2, math.pi / 2]
    )


def test_in_a_crowd_only_the_larger_faces_are_looked_at_thoroughly() -> None:
    crowd = [face(index * 12, 20) for index in range(THOROUGH_FACES + 5)]
    subject, landmarker = pipeline(crowd, PartError(code="no_landmarks", message="none"))
    subject.find_landmarks(IMAGE, subject.detect(np.zeros((300, 900, 3), np.uint8)))
    assert sum(thorough for _, thorough in landmarker.asked) == THOROUGH_FACES


def test_an_image_without_a_face_is_an_empty_part() -> None:
    subject, _ = pipeline([])
    part = subject.find_landmarks(IMAGE, subject.detect(IMAGE))
    assert part.faces == []
    assert cut_crops(IMAGE, part).shape == (0, 224, 224, 3)


def test_a_close_up_is_found_from_further_away() -> None:
    detector = FakeDetector({CLOSE_UP_ZOOM: [Detection(-20, -30, 420, 330, 0.8)]})
    subject = FacePipeline(detector, FakeLandmarker([]), DetectorSettings())
    assert [one.box.xyxy for one in subject.detect(IMAGE)] == [(0, 0, 400, 300)]


def test_a_face_seen_in_both_looks_is_one_face() -> None:
    detector = FakeDetector({1.0: [face(100, 90)], CLOSE_UP_ZOOM: [face(104, 88, 0.7)]})
    subject = FacePipeline(detector, FakeLandmarker([]), DetectorSettings())
    (found,) = subject.detect(IMAGE)
    assert found.box.x1 == 100
    assert found.confidence == pytest.approx(1 - 0.1 * 0.3)


def test_two_looks_that_are_unsure_make_a_face_and_one_alone_does_not() -> None:
    # Given two faces under the confidence that is asked for, one of them found in both passes
    passes = {1.0: [face(100, 90, 0.4), face(250, 60, 0.4)], CLOSE_UP_ZOOM: [face(104, 88, 0.3)]}
    subject = FacePipeline(
        FakeDetector(passes), FakeLandmarker([]), DetectorSettings(confidence=0.5)
    )
    # When the faces are found
    (found,) = subject.detect(IMAGE)
    # Then it is the one on which both passes agree
    assert found.box.x1 == 100
    assert found.confidence == pytest.approx(0.58)


def test_detections_of_one_look_do_not_confirm_each_other() -> None:
    assert agree([[face(100, 90, 0.3), face(120, 90, 0.3)], []])[0].confidence == pytest.approx(0.3)


def test_a_piece_of_a_close_up_goes_and_a_face_beside_another_stays() -> None:
    # Given a whole face, a surer piece of it, and a smaller face that overlaps its edge
    whole, piece, beside = face(50, 200, 0.6), face(100, 60, 0.8), face(220, 60, 0.5)
    # When faces are told apart
    kept = without_pieces([piece, whole, beside])
    # Then the piece alone is gone
    assert kept == [whole, beside]


def test_a_doubtful_large_box_takes_no_surer_face_with_it() -> None:
    doubtful, inside = face(50, 200, 0.36), face(100, 60, 0.9)
    assert without_pieces([inside, doubtful]) == [inside, doubtful]


def test_two_boxes_round_one_face_leave_the_surer() -> None:
    # Given a face, a less sure box mostly inside it, and a neighbour that overlaps its edge
    whole, again, beside = face(50, 200, 0.9), face(30, 120, 0.7), face(220, 100, 0.6)
    # When boxes round one face are told apart
    kept = one_each([again, beside, whole])
    # Then the surer box of the face and the neighbour are left
    assert kept == [whole, beside]


def test_a_crop_for_each_face() -> None:
    subject, _ = pipeline([face(10, 30), face(100, 90)], Mesh(mesh(0.4), 0.4))
    part = subject.find_landmarks(IMAGE, subject.detect(IMAGE))
    crops = cut_crops(IMAGE, part)
    assert crops.shape == (2, 224, 224, 3)
    assert crops.dtype == np.uint8


def test_a_crop_is_turned_as_the_landmarks_of_its_face_say() -> None:
    # Given a picture without two like places, and a face on it whose eye line is not level
    image = np.random.default_rng(0).integers(0, 256, IMAGE.shape, dtype=np.uint8)
    subject, _ = pipeline([face(100, 90)], Mesh(mesh(0.4), 0.4))
    part = subject.find_landmarks(image, subject.detect(image))
    (found,) = part.faces
    points = [point.to_point() for point in found.landmarks]

    (crop,) = cut_crops(image, part)

    box = found.box.to_bounding_box()
    assert np.array_equal(crop, cut_face_crop(image, box, points))
    assert not np.array_equal(crop, cut_face_crop(image, box))


def test_the_overlap_that_is_set_is_asked_of_the_detector_at_each_look() -> None:
    detector = FakeDetector({1.0: [face(100, 90)]})
    settings = DetectorSettings(iou=0.21)

    FacePipeline(detector, FakeLandmarker([]), settings).detect(IMAGE)

    assert len(detector.ious) >= 2
    assert set(detector.ious) == {0.21}


@given(
    st.lists(
        st.builds(
            Detection,
            *[st.floats(-500, 900) | st.sampled_from([math.nan, math.inf])] * 4,
            confidence=st.floats(0, 1),
        ),
        max_size=30,
    ),
    st.integers(1, 20),
    st.integers(1, 10),
)
def test_boxes_are_inside_the_image_large_enough_and_not_too_many(
    detections: list[Detection], min_face_px: int, max_faces: int
) -> None:
    limits = DetectorSettings(min_face_px=min_face_px, max_faces=max_faces)
    faces = select_faces(detections, ImageSize(400, 300), limits)
    assert len(faces) <= max_faces
    areas = [one.box.area for one in faces]
    assert areas == sorted(areas, reverse=True)
    for one in faces:
        assert one.box.x1 >= 0
        assert one.box.y1 >= 0
        assert one.box.x2 <= 400
        assert one.box.y2 <= 300
        assert max(one.box.size) >= min_face_px


def test_a_drawn_face_is_one_more_unless_it_was_found() -> None:
    # given a face that was found, and two boxes that a person drew: around it, and elsewhere
    found = BoxedFace(BoundingBox(0, 0, 50, 50), 0.8, None)
    around, elsewhere = BoundingBox(2, 2, 51, 52), BoundingBox(100, 100, 180, 180)
    # when they come together
    faces = with_drawn([found], [around, elsewhere])
    # then the other one is one more, largest first, and says where it comes from
    assert [(face.box, face.drawn) for face in faces] == [
        (elsewhere, True),
        (found.box, False),
    ]
