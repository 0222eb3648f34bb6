"""The photographs to train on: where each source's files lie and what its labels say.

A `Labelled` holds what the source itself states. What it does not state (points, bystanders) is
the teacher's to say, in `prepare.py`.
"""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from wider import DIFFICULTIES, Truth

Box = list[float]
"""x1, y1, x2, y2 in pixels of the image."""

WIDER_SPLIT = "YOLO-FaceV2-master/data/widerface/wider_face_split"
WIDER_VAL_TRAIN_TENTHS = 7
WIDER_TRAIN_REPORT_PERCENT = 15
MASKED_REPORT_PERCENT = 14
FAIRFACE_IMAGES, ALL_AGE_IMAGES = 3000, 2000


@dataclass
class Labelled:
    """One photograph with the boxes its source names; `invalid` ones are neither face nor not."""

    path: Path
    split: str = "train"
    boxes: list[Box] = field(default_factory=list)
    invalid: list[Box] = field(default_factory=list)


def digest_of(name: str) -> int:
    return int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(), 16)


def split_of(file_name: str) -> str:
    """Give `train` or `validation` for an image of WIDER val, decided by the file's name alone."""
    return "train" if digest_of(file_name) % 10 < WIDER_VAL_TRAIN_TENTHS else "validation"


def split_of_train(file_name: str) -> str:
    """Give `train` or `report` for an image of WIDER train, by the file's name alone."""
    return "report" if digest_of(file_name) % 100 < WIDER_TRAIN_REPORT_PERCENT else "train"


def split_of_masked(file_name: str) -> str:
    """Give `train` or `report` for a photograph of masked faces, by the file's name alone."""
    return "report" if digest_of(file_name) % 100 < MASKED_REPORT_PERCENT else "train"


def read_truth(folder: Path) -> dict[str, Truth]:
    """Read the four `.mat` files; the key is `event/file` without its ending."""
    base = loadmat(folder / "wider_face_val.mat")
    lists = {name: loadmat(folder / f"wider_{name}_val.mat")["gt_list"] for name in DIFFICULTIES}
    truth = {}
    for e, event in enumerate(base["event_list"][:, 0]):
        for i, file in enumerate(base["file_list"][e, 0][:, 0]):
            faces = base["face_bbx_list"][e, 0][i, 0].astype(float).reshape(-1, 4)
            counted = {}
            for name, chosen in lists.items():
                counted[name] = np.zeros(len(faces), bool)
                counted[name][chosen[e, 0][i, 0].astype(int).ravel() - 1] = True
            truth[f"{event[0]}/{file[0]}"] = Truth(faces, counted)
    return truth


def wider_rows(annotations: Path) -> Iterator[tuple[str, list[Box], list[Box]]]:
    """Read a `.mat` of WIDER FACE: `event/name`, its valid faces, and the invalid ones."""
    mat = loadmat(annotations)
    for e, event in enumerate(mat["event_list"][:, 0]):
        for i, file in enumerate(mat["file_list"][e, 0][:, 0]):
            rows = mat["face_bbx_list"][e, 0][i, 0].astype(float).reshape(-1, 4)
            invalid = mat["invalid_label_list"][e, 0][i, 0].ravel() == 1
            good = (rows[:, 2] > 0) & (rows[:, 3] > 0)
            rows[:, 2:] += rows[:, :2]
            boxes = rows[good & ~invalid].tolist(), rows[good & invalid].tolist()
            yield f"{event[0]}/{file[0]}", *boxes


def wider_train(data: Path) -> Iterator[Labelled]:
    """The images of WIDER train that public repositories hold."""
    for key, boxes, invalid in wider_rows(data / "lyh" / WIDER_SPLIT / "wider_face_train.mat"):
        path = data / "wider_train" / f"{Path(key).name}.jpg"
        if path.exists():
            yield Labelled(path, split_of_train(path.name), boxes, invalid)


def wider_val(data: Path) -> Iterator[Labelled]:
    """WIDER val; seven tenths train."""
    images = next((data / "wider").rglob("images"))
    for key, boxes, invalid in wider_rows(data / "lyh" / WIDER_SPLIT / "wider_face_val.mat"):
        path = images / f"{key}.jpg"
        yield Labelled(path, split_of(path.name), boxes, invalid)


def voc(images: Path, annotations: Path, pattern: str = "*.xml") -> Iterator[Labelled]:
    """Read boxes in Pascal VOC's XML."""
    paths = {path.stem: path for path in images.iterdir()}
    for file in sorted(annotations.glob(pattern)):
        root = ElementTree.parse(file).getroot()  # noqa: S314 (a file of our own choosing)
        boxes = [
            [float(box.findtext(edge, "0")) for edge in ("xmin", "ymin", "xmax", "ymax")]
            for box in root.iter("bndbox")
        ]
        if file.stem in paths and boxes:
            yield Labelled(paths[file.stem], boxes=boxes)


def maskon(data: Path) -> Iterator[Labelled]:
    archive = data / "maskon" / "archive"
    return voc(archive / "images", archive / "annotations")


def mafa(data: Path) -> Iterator[Labelled]:
    """MAFA's photographs of CHINbunhyou/FaceMask-Dataset; its others are WIDER's."""
    root = data / "chin" / "VOCdevkit" / "VOC2007"
    for labelled in voc(root / "JPEGImages", root / "Annotations", "test_*.xml"):
        yield replace(labelled, split=split_of_masked(labelled.path.name))


def masks(data: Path) -> Iterator[Labelled]:
    """Two small sets of masked people: K0EKJE/Face_mask_dataset, MacwinWin/face_mask_dataset."""
    yield from voc(data / "k0ekje" / "images", data / "k0ekje" / "annotations")
    for path in sorted((data / "macwin" / "data" / "images").iterdir()):
        yield Labelled(path)


def close_ups(data: Path) -> Iterator[Labelled]:
    """Train images of FairFace and All-Age-Faces, whose faces fill the frame."""
    fairface = sorted((data.parent / "fairface_raw" / "fair_face" / "train").glob("*.jpg"))
    aaf = data.parent / "aaf_raw" / "All-Age-Faces Dataset"
    lines = (aaf / "image sets" / "train.txt").read_text().splitlines()
    all_age = [aaf / "original images" / line.split()[0] for line in lines if line.strip()]
    for paths, wanted in ((fairface, FAIRFACE_IMAGES), (all_age, ALL_AGE_IMAGES)):
        yield from map(Labelled, paths[:: max(1, len(paths) // wanted)])


def negatives(data: Path) -> Iterator[Labelled]:
    """Photographs and drawings without a real face, one folder a repository."""
    folder = data / "negatives"
    return (Labelled(path) for path in sorted(folder.rglob("*.*")) if path.is_file())


SOURCES: dict[str, Callable[[Path], Iterator[Labelled]]] = {
    "wider_train": wider_train,
    "wider_val": wider_val,
    "mafa": mafa,
    "masks": masks,
    "close_ups": close_ups,
    "maskon": maskon,
    "negatives": negatives,
}
