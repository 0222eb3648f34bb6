"""Which faces the service calls reliable, and how right it is about those.

Faces are found, cut and judged by the services' own code, with their default settings.
"""

from __future__ import annotations

import argparse
import csv
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agegender_service.estimator import FaceProbabilities
from agegender_service.pipeline import cut_crops, estimate_faces
from agegender_service.settings import AgeGenderSettings
from answers import Session
from datasets import MAN, REPORT, SOURCES, Sample, list_samples
from facepipe.domain.analysis import AgeGender, DetectedFace, Gender, ModelInfo
from facepipe.domain.geometry import BoundingBox
from facepipe.files.image_store import FaceCrops
from facepipe.files.imaging import RgbImage
from own_detector import load_pipeline, main_face
from prepare import read_rgb
from views import as_deepface_feeds

PICTURES = ("no_people", "drawings")
LISTS = Path(__file__).resolve().parents[1] / "evaluation_sets"
SAME_FACE = 0.4  # of two boxes: intersection over union
GENDERS = {Gender.FEMALE: 0, Gender.MALE: MAN}

Figures = dict[str, Any]
Find = Callable[[RgbImage], list[DetectedFace]]


@dataclass(frozen=True, slots=True)
class GraphEstimator:
    """An `AgeGenderEstimator` without DeepFace around it."""

    session: Session

    @property
    def model(self) -> ModelInfo:
        return ModelInfo(name="measured")

    def predict(self, crops_rgb: FaceCrops) -> FaceProbabilities:
        feed = {self.session.get_inputs()[0].name: as_deepface_feeds(crops_rgb)}
        return FaceProbabilities(*self.session.run(["ages", "genders", "quality_cues"], feed))


def measure_reliability(session: Session, args: argparse.Namespace) -> Figures:
    """Shares of faces marked reliable, and of those that are wrong among them."""
    pipeline = load_pipeline(args.detector)

    def find(image: RgbImage) -> list[DetectedFace]:
        return pipeline.find_landmarks(image, pipeline.detect(image)).faces

    estimator = GraphEstimator(session)
    found: Figures = {}
    for name in PICTURES:
        paths = sorted((args.evaluation_sets / name).iterdir())[:: _step(args)]
        found[name] = _counts(_judged(estimator, find, map(read_rgb, paths)), len(paths))
    found["masked"] = _masked(estimator, find, args)
    portraits = [read_rgb(path) for path in sorted(args.portraits.glob("*.jpg"))]
    found["portraits"] = _counts(_judged(estimator, find, portraits), len(portraits))
    found["erased"] = _counts(_erased(estimator, find, portraits), len(portraits))
    samples = list_samples(args.data)
    for source in SOURCES:
        of_set = [one for one in samples if one.source == source and one.split == REPORT]
        step = max(1, round(len(of_set) * _step(args) / args.own_faces))
        found[source] = _labelled(estimator, pipeline, args.data, of_set[::step])
    return found


def erased(image: RgbImage, face: DetectedFace, way: int) -> RgbImage:
    """A portrait whose face is smeared, blocked out, or painted over."""
    out = image.copy()
    box = face.box.to_bounding_box()
    inside = (slice(max(0, box.y1), box.y2), slice(max(0, box.x1), box.x2))
    part = out[inside]
    if way == 0:
        changed: Any = cv2.GaussianBlur(part, (0, 0), box.size.width / 6)
    elif way == 1:
        blocks = cv2.resize(part, (4, 5), interpolation=cv2.INTER_AREA)
        changed = cv2.resize(blocks, part.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    else:
        changed = np.broadcast_to(part.mean((0, 1)), part.shape)
    stencil = np.zeros(part.shape[:2], np.float32)
    middle, half = (
        (part.shape[1] // 2, part.shape[0] // 2),
        (part.shape[1] // 2, part.shape[0] // 2),
    )
    cv2.ellipse(stencil, middle, half, 0, 0, 360, 1.0, -1)
    weight = cv2.GaussianBlur(stencil, (0, 0), 4)[..., None]
    out[inside] = (part * (1 - weight) + changed * weight).astype(np.uint8)
    return out


def _judged(estimator: GraphEstimator, find: Find, images: Iterable[RgbImage]) -> list[AgeGender]:
    """What is said of every face that is found."""
    return [said for image in images for said in _said(estimator, image, find(image))]


def _erased(
    estimator: GraphEstimator, find: Find, portraits: Sequence[RgbImage]
) -> list[AgeGender]:
    """Of the place where the face was, as if it were found there still, and of what is found."""
    said = []
    for place, image in enumerate(portraits):
        faces = find(image)[:1]
        if faces:
            without = erased(image, faces[0], place % 3)
            said += _said(estimator, without, find(without))
    return said


def _said(
    estimator: GraphEstimator, image: RgbImage, faces: Sequence[DetectedFace]
) -> list[AgeGender]:
    if not faces:
        return []
    crops = cut_crops(image, faces)
    return list(estimate_faces(estimator, faces, crops, AgeGenderSettings()).faces)


def _counts(said: Sequence[AgeGender], pictures: int) -> Figures:
    return {
        "pictures": pictures,
        "faces": len(said),
        "reliable": sum(one.reliable for one in said),
        "age_reliable": sum(one.age_reliable for one in said),
        "gender_reliable": sum(one.gender_reliable for one in said),
    }


def _masked(estimator: GraphEstimator, find: Find, args: argparse.Namespace) -> Figures:
    """Of the faces that are labelled as masked, those that are found."""
    with (LISTS / "masked.tsv").open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))[:: _step(args)]
    said: list[AgeGender] = []
    for row in rows:
        path = args.evaluation_sets / "masked" / f"{row['blob']}{Path(row['path']).suffix.lower()}"
        labels = args.masked_labels / f"{Path(row['path']).stem}.xml"
        image, masks = read_rgb(path), _boxes_of(labels, "HaveMask")
        faces = [
            face for face in find(image)
            if any(face.box.to_bounding_box().iou(mask) >= SAME_FACE for mask in masks)
        ]  # fmt: skip
        said += _said(estimator, image, faces)
    return _counts(said, len(rows))


def _step(args: argparse.Namespace) -> int:
    """A quick pass takes more of these few pictures than of the data sets."""
    step: int = max(1, args.every // 6)
    return step


def _boxes_of(annotation: Path, name: str) -> list[BoundingBox]:
    """The boxes of a VOC file that have a name."""
    root = ElementTree.parse(annotation).getroot()  # noqa: S314  # files that we were pointed to
    edges = ("xmin", "ymin", "xmax", "ymax")
    return [
        BoundingBox(*(round(float(one.findtext(f"bndbox/{edge}", "0"))) for edge in edges))
        for one in root.iter("object")
        if one.findtext("name") == name
    ]


def _labelled(
    estimator: GraphEstimator, pipeline: Any, data: Path, samples: Sequence[Sample]
) -> Figures:
    """Of the main face of each image; an image in which none is found is left out, and counted."""
    said: list[AgeGender] = []
    true: list[Sample] = []
    for sample in samples:
        image = read_rgb(data / sample.path)
        if face := main_face(pipeline, image):
            said += _said(estimator, image, [face])
            true.append(sample)
    figures = _counts(said, len(samples))
    figures["gender_wrong"] = _share_of(
        [GENDERS.get(one.gender) != label.gender for one, label in zip(said, true, strict=True)],
        [one.gender_reliable for one in said],
    )
    if all(label.age_low == label.age_high for label in true):
        inside = [
            one.age_low is not None and one.age_high is not None
            and one.age_low <= label.age_low <= one.age_high
            for one, label in zip(said, true, strict=True)
        ]  # fmt: skip
        marked = [one.age_reliable for one in said]
        figures["age_outside"] = _share_of([not good for good in inside], marked)
    figures["curves"] = _curves(said, true)
    return figures


def _curves(said: Sequence[AgeGender], true: Sequence[Sample]) -> Figures:
    """Error of the surest shares of the faces: of the age by its width, of the gender by itself."""
    off = np.array([
        max(label.age_low - (one.age or 0), (one.age or 0) - label.age_high, 0)
        for one, label in zip(said, true, strict=True)
    ])  # fmt: skip
    wrong = np.array(
        [GENDERS.get(one.gender) != label.gender for one, label in zip(said, true, strict=True)]
    )
    width = np.array([(one.age_high or 0) - (one.age_low or 0) for one in said])
    doubt = np.array([1 - (one.gender_confidence or 0) for one in said])
    shares = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    return {
        "age_mae": _by_share(off, width, shares),
        "gender_wrong": _by_share(wrong.astype(float), doubt, shares),
    }


def _by_share(errors: Any, doubts: Any, shares: Sequence[float]) -> dict[str, float]:
    ordered = errors[np.argsort(doubts, kind="stable")]
    return {
        f"{share:.1f}": round(float(ordered[: max(1, round(share * len(ordered)))].mean()), 4)
        for share in shares
    }


def _share_of(events: Sequence[bool], among: Sequence[bool]) -> float:
    counted = [event for event, is_in in zip(events, among, strict=True) if is_in]
    return round(sum(counted) / max(1, len(counted)), 4)
