"""From the pixels of an image to its faces: boxes, landmarks, crops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from facepipe.domain.analysis import (
    Box,
    DetectedFace,
    LandmarkPoint,
    LandmarksPart,
    ModelInfo,
    PartError,
)
from facepipe.domain.corrections import SAME_FACE_IOU
from facepipe.domain.errors import ModelError
from facepipe.domain.geometry import FACE_CROP_SIZE, BoundingBox, ImageSize, Point
from facepipe.domain.options import AnalysisOptions
from facepipe.files.image_store import FaceCrops
from facepipe.files.imaging import RgbImage, cut_face_crop
from landmark_service.faces import (
    Detection,
    FaceDetector,
    FaceLandmarker,
    FaceRefiner,
    FloatArray,
    Mesh,
)
from landmark_service.head_pose import head_pose
from landmark_service.nms import intersection_over_union, non_maximum_suppression
from landmark_service.settings import DetectorSettings
from landmark_service.tiling import SUSPICION, Tile, detect_in_tiles, moved

# 224 of 640 pixels: what the card of the project's detector was measured with.
CLOSE_UP_ZOOM = 0.35
# Share of the confidence asked for from which a pass tells of a face.
UNSURE = 0.5
# Confidence of the detector from which the refiner looks at a face, where there is one.
CANDIDATE = 0.05
# Share of a detection inside another above which it is a piece of it, and how sure that other
# face has to be when it is not as sure as the piece.
PIECE_INSIDE = 0.8
SURE_ENOUGH = 0.5
# Share of the smaller of two boxes inside the other above which they are round one face.
MOSTLY_INSIDE = 0.7
# In a crowd the smaller faces are tried only as the larger ones stand.
THOROUGH_FACES = 24


@dataclass(frozen=True, slots=True)
class BoxedFace:
    """A detection, rounded and clipped to the image."""

    box: BoundingBox
    confidence: float
    roll: float | None
    drawn: bool = False


class FacePipeline:
    """Finds the faces of an image with whatever detector and landmarker it is given.

    A refiner, where there is one, looks at each face that the detector may have found.
    """

    def __init__(
        self,
        detector: FaceDetector,
        landmarker: FaceLandmarker,
        settings: DetectorSettings,
        refiner: FaceRefiner | None = None,
    ) -> None:
        self._detector = detector
        self._landmarker = landmarker
        self._settings = settings
        self._refiner = refiner

    def with_options(self, options: AnalysisOptions | None, reduction: int = 1) -> FacePipeline:
        """The same, set as an upload asks for, and for an image that is looked at smaller."""
        asked = options.model_dump(exclude_none=True) if options else {}
        if "detector_mode" in asked:
            asked["mode"] = asked.pop("detector_mode")
        asked.pop("attributes", None)
        settings = self._settings.model_copy(update=asked)
        least = math.ceil(settings.min_face_px / reduction)
        settings = settings.model_copy(update={"min_face_px": least})
        return FacePipeline(self._detector, self._landmarker, settings, self._refiner)

    @property
    def models(self) -> dict[str, ModelInfo]:
        """The models in use, by part as in the result document."""
        named = {"detector": self._detector.model, "landmarks": self._landmarker.model}
        return named | ({"refiner": self._refiner.model} if self._refiner else {})

    def detect(self, image_rgb: RgbImage) -> list[BoxedFace]:
        """Faces by area, largest first.

        Every image gets two passes, the second at a smaller scale: a close-up may be larger
        than the faces that detectors are trained on, and is then found in pieces. The second
        pass costs a tenth of the first. A face that both find counts as surer, so each pass
        also tells of faces that it alone would be too unsure of. A large image is searched in
        tiles as well, as the setting `mode` says. Then the refiner has the last word on each.

        Args:
            image_rgb: shape `(height, width, 3)`, uint8, RGB.

        Raises:
            ModelError: the detector cannot be run.
        """
        limits = self._settings
        found = self.candidates(image_rgb)
        if self._refiner:
            found = self._refiner.refine(image_rgb, found)
        sure = [one for one in found if one.confidence >= limits.confidence]
        if not self._refiner:  # which is less sure of a piece than of the face
            sure = without_pieces(sure)
        size = ImageSize(image_rgb.shape[1], image_rgb.shape[0])
        return select_faces(one_each(sure), size, limits)

    def candidates(self, image_rgb: RgbImage) -> list[Detection]:
        """What every pass of the detector has to say, before the refiner and the settings.

        Raises:
            ModelError: the detector cannot be run.
        """
        asked = CANDIDATE if self._refiner else UNSURE * self._settings.confidence
        seen = self._pass(image_rgb, min(SUSPICION, asked))
        passes = [
            [one for one in seen if one.confidence >= asked],
            self._pass(image_rgb, asked, CLOSE_UP_ZOOM),
        ]
        suspected = [one for one in seen if one.confidence >= SUSPICION]
        return [*agree(passes), *self._in_tiles(image_rgb, suspected)]

    def _pass(self, image_rgb: RgbImage, confidence: float, zoom: float = 1.0) -> list[Detection]:
        iou = self._settings.iou
        return self._detector.detect(image_rgb, confidence=confidence, iou=iou, zoom=zoom)

    def _in_tiles(self, image_rgb: RgbImage, seen: list[Detection]) -> list[Detection]:
        if self._settings.mode == "fast":
            return []

        def detect(tile: Tile) -> list[Detection]:
            part = image_rgb[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
            return [moved(one, tile) for one in self._pass(part, SUSPICION)]

        return detect_in_tiles(
            detect,
            ImageSize(image_rgb.shape[1], image_rgb.shape[0]),
            seen,
            long_side=self._settings.long_side,
            sure=self._settings.confidence,
            thorough=self._settings.mode == "thorough",
        )

    def find_landmarks(self, image_rgb: RgbImage, faces: list[BoxedFace]) -> LandmarksPart:
        """The landmarks of each face; a face without them stays and says why.

        The faces of a photograph that lies on its side all lie on their side, so the roll of
        one face is what is expected of the next.
        """
        expected_roll = 0.0
        found: list[DetectedFace] = []
        for index, face in enumerate(faces):
            try:
                mesh = self._landmarker.find(
                    image_rgb,
                    face.box,
                    face.roll,
                    expected_roll,
                    thorough=index < THOROUGH_FACES,
                )
            except ModelError as error:
                mesh = PartError(code=error.code, message=error.message)
            if isinstance(mesh, PartError):
                found.append(_detected(face).model_copy(update={"landmarks_error": mesh}))
                continue
            expected_roll = _nearest_eighth(mesh.roll)
            found.append(_detected(face, mesh))
        return LandmarksPart(
            faces=found,
            detector=self._detector.model,
            refiner=self._refiner.model if self._refiner else None,
            landmarker=self._landmarker.model,
        )


def agree(passes: Sequence[Sequence[Detection]]) -> list[Detection]:
    """Of detections that are the same face, found in several passes, the surest; surest first.

    The passes count as independent witnesses: a face that two of them find with confidence a and
    b has the confidence 1 - (1 - a)(1 - b).
    """
    tables = [_table(one) for one in passes]
    owners = [index for index, one in enumerate(passes) for _ in one]
    found = [detection for one in passes for detection in one]
    every = np.concatenate(tables)
    kept = []
    for at in non_maximum_suppression(every[:, :4], every[:, 4], SAME_FACE_IOU):
        others = tables[: owners[at]] + tables[owners[at] + 1 :]
        doubt = (1 - found[at].confidence) * _doubt(every[at, :4], others)
        kept.append(replace(found[at], confidence=1 - doubt))
    return sorted(kept, key=lambda detection: -detection.confidence)


def one_each(detections: list[Detection]) -> list[Detection]:
    """Of boxes round one face the surest: those that overlap it much, or lie mostly inside it."""
    kept: list[Detection] = []
    for one in sorted(detections, key=lambda detection: -detection.confidence):
        if not any(_is_same(one, other) for other in kept):
            kept.append(one)
    return kept


def without_pieces(detections: list[Detection]) -> list[Detection]:
    """Drops pieces of a close-up: what lies inside a face that is as sure, or sure enough."""
    return [piece for piece in detections if not any(_holds(face, piece) for face in detections)]


def _doubt(box: FloatArray, others: list[FloatArray]) -> float:
    """How unsure the other passes leave it that there is a face, 0-1; 1 where they say nothing."""
    doubt = 1.0
    for table in others:
        same = intersection_over_union(box, table[:, :4]) > SAME_FACE_IOU
        doubt *= 1.0 - float(table[same, 4].max(initial=0.0))
    return doubt


def _table(detections: Sequence[Detection]) -> FloatArray:
    """Corners and confidence, shape `(n, 5)`."""
    rows = [(d.x1, d.y1, d.x2, d.y2, d.confidence) for d in detections]
    return np.array(rows, np.float32).reshape(-1, 5)


def _holds(face: Detection, piece: Detection) -> bool:
    """Whether `piece` lies nearly whole inside the larger and trustworthy `face`."""
    if _area(face) <= _area(piece) or _common(face, piece) <= PIECE_INSIDE * _area(piece):
        return False
    return face.confidence >= min(piece.confidence, SURE_ENOUGH)


def _is_same(first: Detection, second: Detection) -> bool:
    common, areas = _common(first, second), (_area(first), _area(second))
    return common > MOSTLY_INSIDE * min(areas) or common > SAME_FACE_IOU * (sum(areas) - common)


def _common(first: Detection, second: Detection) -> float:
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    return max(0.0, width) * max(0.0, height)


def _area(detection: Detection) -> float:
    return (detection.x2 - detection.x1) * (detection.y2 - detection.y1)


def select_faces(
    detections: list[Detection], image: ImageSize, limits: DetectorSettings
) -> list[BoxedFace]:
    """Clips boxes to the image, leaves out small ones, keeps the largest; largest first."""
    faces = []
    for detection in detections:
        corners = (detection.x1, detection.y1, detection.x2, detection.y2)
        if not all(map(math.isfinite, corners)):
            continue
        box = BoundingBox.enclosing(*corners, within=image)
        if box is not None and max(box.size) >= limits.min_face_px:
            faces.append(BoxedFace(box, detection.confidence, detection.roll))
    faces.sort(key=lambda face: (-face.box.area, -face.confidence, face.box.xyxy))
    return faces[: limits.max_faces]


def with_drawn(faces: list[BoxedFace], drawn: Sequence[BoundingBox]) -> list[BoxedFace]:
    """The faces, and those that a person drew and that are none of them; largest first."""
    every = list(faces)
    for box in drawn:
        if all(box.iou(known.box) < SAME_FACE_IOU for known in every):
            every.append(BoxedFace(box, confidence=1.0, roll=None, drawn=True))
    return sorted(every, key=lambda face: (-face.box.area, -face.confidence, face.box.xyxy))


def cut_crops(image_rgb: RgbImage, part: LandmarksPart) -> FaceCrops:
    """The face crops for the next stage: shape `(faces, 224, 224, 3)`, uint8, RGB."""
    crops = np.empty((len(part.faces), FACE_CROP_SIZE, FACE_CROP_SIZE, 3), np.uint8)
    for index, face in enumerate(part.faces):
        points: list[Point] = [point.to_point() for point in face.landmarks]
        crops[index] = cut_face_crop(image_rgb, face.box.to_bounding_box(), points)
    return crops


def _detected(face: BoxedFace, mesh: Mesh | None = None) -> DetectedFace:
    box = Box.from_bounding_box(face.box)
    bare = DetectedFace(box=box, confidence=face.confidence, drawn=face.drawn)
    if mesh is None:
        return bare
    points = [LandmarkPoint(x=x, y=y) for x, y in mesh.points.tolist()]
    return bare.model_copy(update={"landmarks": points, "pose": head_pose(mesh.points)})


def _nearest_eighth(roll: float) -> float:
    """The multiple of 45 degrees nearest to a roll, so that a tilted head sways nobody."""
    return round(roll / (math.pi / 4)) * (math.pi / 4)
