"""Index the training photographs: one JSON file with every image, its faces and its split.

    prepare.py --data DIR --teacher face_detection_yunet_2023mar.onnx --out index.json

`--data` (default `$FACEPIPE_TRAINING_DATA/detector`) holds what `shared/tools/extract.py` wrote:
`wider/` (WIDER_val of Yusepp/YOLOv8-Face), `lyh/` (wider_face_split of lyh-888/widerface_yolo)
and `maskon/` (archive of marellanoc/MaskON). `--close-ups` (default: the folder above it) holds
FairFace and All-Age-Faces as models/age_gender reads them: their train parts show faces that
fill the frame.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np

Box = list[float]
"""x1, y1, x2, y2 in pixels of the image."""

TRAIN_TENTHS = 7
FAIRFACE_IMAGES = 8000
TEACHER_SURE, TEACHER_UNSURE = 0.7, 0.3
BORDER = 0.3  # of the long side, replicated, so that the teacher finds what fills the frame
PORTRAIT_NAME = re.compile(r"^(\d+_Mask|augmented_image_)")


@dataclass
class Sample:
    """One photograph: `boxes` are faces, `ignored` are regions nobody should learn from."""

    image: str
    source: str
    split: str
    boxes: list[Box]
    ignored: list[Box] = field(default_factory=list)


def split_of(file_name: str) -> str:
    """Give `train` or `report`, decided by the file's name alone."""
    digest = int(hashlib.md5(file_name.encode(), usedforsecurity=False).hexdigest(), 16)
    return "train" if digest % 10 < TRAIN_TENTHS else "report"


def read_wider(data: Path) -> Iterator[Sample]:
    """Read WIDER's own text annotations; boxes marked invalid are to be ignored."""
    text = next((data / "lyh").rglob("wider_face_val_bbx_gt.txt")).read_text()
    images = next((data / "wider").rglob("images"))
    lines = iter(text.splitlines())
    for name in lines:
        sample = Sample(
            image=str((images / name).relative_to(data)),
            source="wider",
            split=split_of(Path(name).name),
            boxes=[],
        )
        for _ in range(max(1, int(next(lines)))):
            x, y, width, height, *_attributes, invalid, _occlusion, _pose = (
                float(value) for value in next(lines).split()
            )
            if width > 0 and height > 0:
                target = sample.ignored if invalid else sample.boxes
                target.append([x, y, x + width, y + height])
        yield sample


def read_maskon(data: Path, teacher: Path) -> Iterator[Sample]:
    """Read MaskON.

    The crowd photographs keep their hand-drawn boxes. The portraits are boxed from the eyebrows
    down and leave out bystanders, so they are labelled anew by the teacher; a portrait in which
    the teacher does not confirm the annotated face is left out.
    """
    archive = data / "maskon" / "archive"
    detector = load_teacher(teacher, 0.6)
    images = {path.stem: path for path in (archive / "images").iterdir()}
    for path in sorted((archive / "annotations").glob("*.xml")):
        image = images.get(path.stem)
        if image is None:
            continue
        annotation = ElementTree.parse(path).getroot()  # noqa: S314 (a file of our own choosing)
        boxes = [
            [float(box.findtext(edge, "0")) for edge in ("xmin", "ymin", "xmax", "ymax")]
            for box in annotation.iter("bndbox")
        ]
        if PORTRAIT_NAME.match(path.stem):
            boxes = confirm(teach(image, detector), boxes)
        if boxes:
            yield Sample(str(image.relative_to(data)), "maskon", "train", boxes)


def read_close_ups(folder: Path, data: Path, teacher: Path) -> Iterator[Sample]:
    """Read train images of FairFace and All-Age-Faces, all of whose faces the teacher names.

    What it is unsure of is neither a face nor background. Images without a sure face are left
    out. Nothing of the sets' report parts (FairFace val, All-Age-Faces' val.txt) is read.
    """
    fairface = sorted((folder / "fairface_raw" / "fair_face" / "train").glob("*.jpg"))
    aaf = folder / "aaf_raw" / "All-Age-Faces Dataset"
    lines = (aaf / "image sets" / "train.txt").read_text().splitlines()
    all_age = [aaf / "original images" / line.split()[0] for line in lines if line.strip()]
    detector = load_teacher(teacher, TEACHER_UNSURE)
    for image in [*fairface[:: max(1, len(fairface) // FAIRFACE_IMAGES)], *all_age]:
        boxes, unsure = teach_close_up(image, detector)
        if boxes:
            yield Sample(os.path.relpath(image, data), "close_ups", "train", boxes, unsure)


def teach_close_up(image: Path, detector: cv2.FaceDetectorYN) -> tuple[list[Box], list[Box]]:
    """Find sure and unsure faces with YuNet, in the image framed by its own edges."""
    pixels = cv2.imread(str(image))
    if pixels is None:
        return [], []
    height, width = pixels.shape[:2]
    border = round(BORDER * max(height, width))
    sides = (border, border, border, border)
    framed = cv2.copyMakeBorder(pixels, *sides, cv2.BORDER_REPLICATE)
    detector.setInputSize((framed.shape[1], framed.shape[0]))
    _, found = detector.detect(framed)
    if found is None:
        return [], []
    corners = np.hstack([found[:, :2], found[:, :2] + found[:, 2:4]]) - border
    corners = corners.clip(0, [width, height, width, height])
    sure = found[:, 14] >= TEACHER_SURE
    kept = (corners[:, 2:] - corners[:, :2]).min(1) > 1
    boxes: list[Box] = corners[sure & kept].astype(float).tolist()
    others: list[Box] = corners[~sure & kept].astype(float).tolist()
    return boxes, [other for other in others if not any(iou(other, box) for box in boxes)]


def load_teacher(path: Path, threshold: float) -> cv2.FaceDetectorYN:
    """Load YuNet; it names what it is at least as sure of as `threshold`."""
    return cv2.FaceDetectorYN.create(str(path), "", (320, 320), threshold)


def teach(image: Path, detector: cv2.FaceDetectorYN, long_side: int = 400) -> list[Box]:
    """Find faces with YuNet on the image shrunk to `long_side`."""
    pixels = cv2.imread(str(image))
    if pixels is None:
        return []
    scale = long_side / max(pixels.shape[:2])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    detector.setInputSize((small.shape[1], small.shape[0]))
    _, found = detector.detect(small)
    if found is None:
        return []
    corners = np.hstack([found[:, :2], found[:, :2] + found[:, 2:4]]) / scale
    boxes: list[Box] = corners.astype(float).tolist()
    return boxes


def confirm(taught: list[Box], annotated: list[Box]) -> list[Box]:
    """Keep the teacher's boxes if each annotated face is among them (IoU above 0.3)."""
    known = all(any(iou(box, other) > 0.3 for other in taught) for box in annotated)
    return taught if known else []


def iou(first: Box, second: Box) -> float:
    """Give intersection over union of two boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    overlap = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return overlap / (sum(areas) - overlap) if overlap else 0.0


def main() -> None:
    """Write the index and print how many images and faces came from where."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("FACEPIPE_TRAINING_DATA", "training_data")) / "detector"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--close-ups", type=Path, help="folder of FairFace and All-Age-Faces")
    parser.add_argument("--teacher", type=Path, required=True, help="YuNet, ONNX")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    samples = [
        *read_wider(args.data),
        *read_maskon(args.data, args.teacher),
        *read_close_ups(args.close_ups or args.data.parent, args.data, args.teacher),
    ]
    args.out.write_text(json.dumps([asdict(sample) for sample in samples]))
    for key in sorted({(sample.source, sample.split) for sample in samples}):
        part = [sample for sample in samples if (sample.source, sample.split) == key]
        print(*key, len(part), "images", sum(len(sample.boxes) for sample in part), "faces")


if __name__ == "__main__":
    main()
