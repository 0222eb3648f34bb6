"""The three data sets: which images there are, what is known of each, and which split it is in.

The folders under `FACEPIPE_TRAINING_DATA` (or `--data`):

    fairface_raw/fair_face/{train,val}/N.jpg     FairFace, margin 0.25
    labels/fairface_label_{train,val}.csv        its labels (not the copies beside the images)
    utkface_raw/data/AGE_GENDER_RACE_TIME.jpg    UTKFace, aligned crops
    aaf_raw/All-Age-Faces Dataset/...            All-Age-Faces, original images and image sets
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

WOMAN, MAN = 0, 1  # DeepFace's order

FAIRFACE, UTKFACE, ALL_AGE_FACES = "fairface", "utkface", "aaf"
SOURCES = (FAIRFACE, UTKFACE, ALL_AGE_FACES)

TRAIN, CALIBRATE, REPORT = "train", "calibrate", "report"
SPLITS = (TRAIN, CALIBRATE, REPORT)

CALIBRATE_PERCENT = 4

FAIRFACE_BINS = {
    "0-2": (0, 2),
    "3-9": (3, 9),
    "10-19": (10, 19),
    "20-29": (20, 29),
    "30-39": (30, 39),
    "40-49": (40, 49),
    "50-59": (50, 59),
    "60-69": (60, 69),
    "more than 70": (70, 100),
}
UTKFACE_GROUPS = ("White", "Black", "Asian", "Indian", "Other")


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled image.

    Attributes:
        path: relative to the data folder.
        source: one of `SOURCES`.
        split: one of `SPLITS`.
        age_low: youngest age the label allows, in whole years.
        age_high: oldest age the label allows; equal to `age_low` where the age is known.
        gender: `WOMAN` or `MAN`.
        group: the data set's own word for race, or "" where it has none.
    """

    path: str
    source: str
    split: str
    age_low: int
    age_high: int
    gender: int
    group: str


def default_data_dir() -> Path:
    """The folder that `FACEPIPE_TRAINING_DATA` names, or `data` beside the caller."""
    return Path(os.environ.get("FACEPIPE_TRAINING_DATA", "data"))


def list_samples(data_dir: Path) -> list[Sample]:
    """All samples of the three sets, in a fixed order.

    Raises:
        FileNotFoundError: a set's folder is missing; see the module's docstring.
    """
    return [*_fairface(data_dir), *_utkface(data_dir), *_all_age_faces(data_dir)]


def labels_of(samples: Sequence[Sample]) -> npt.NDArray[np.int64]:
    """`(n, 3)`: youngest age, oldest age, gender."""
    return np.array([[s.age_low, s.age_high, s.gender] for s in samples], np.int64)


def name_hash(name: str) -> int:
    """A number that depends on the file name alone, so that splits survive a reordering."""
    return int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(), 16)


def _train_or_calibrate(name: str) -> str:
    """Holds out some of a training part for the calibration, by another digit of the hash."""
    return CALIBRATE if name_hash(name) // 10 % 100 < CALIBRATE_PERCENT else TRAIN


def _fairface(data_dir: Path) -> Iterator[Sample]:
    for part in ("train", "val"):
        labels = data_dir / "labels" / f"fairface_label_{part}.csv"
        with labels.open(newline="") as lines:
            rows = {Path(row["file"]).name: row for row in csv.DictReader(lines)}
        folder = Path("fairface_raw") / "fair_face" / part
        for name in sorted(_names(data_dir / folder), key=lambda name: int(Path(name).stem)):
            row = rows[name]
            low, high = FAIRFACE_BINS[row["age"]]
            yield Sample(
                path=(folder / name).as_posix(),
                source=FAIRFACE,
                split=REPORT if part == "val" else _train_or_calibrate(f"fairface/{name}"),
                age_low=low,
                age_high=high,
                gender=MAN if row["gender"] == "Male" else WOMAN,
                group=row["race"],
            )


def _utkface(data_dir: Path) -> Iterator[Sample]:
    folder = Path("utkface_raw") / "data"
    for name in sorted(_names(data_dir / folder)):
        fields = name.split("_")
        if len(fields) != 4:  # three names lack the race; nothing tells which field is missing
            continue
        age = min(int(fields[0]), 100)
        report = name_hash(name) % 10 == 0
        yield Sample(
            path=(folder / name).as_posix(),
            source=UTKFACE,
            split=REPORT if report else _train_or_calibrate(name),
            age_low=age,
            age_high=age,
            gender=MAN if fields[1] == "0" else WOMAN,
            group=UTKFACE_GROUPS[int(fields[2])],
        )


def _all_age_faces(data_dir: Path) -> Iterator[Sample]:
    root = Path("aaf_raw") / "All-Age-Faces Dataset"
    for part in ("train", "val"):
        lines = (data_dir / root / "image sets" / f"{part}.txt").read_text().split("\n")
        for name, gender in (line.split() for line in lines if line.strip()):
            age = int(Path(name).stem.split("A")[1])
            yield Sample(
                path=(root / "original images" / name).as_posix(),
                source=ALL_AGE_FACES,
                split=REPORT if part == "val" else _train_or_calibrate(name),
                age_low=age,
                age_high=age,
                gender=MAN if gender == "1" else WOMAN,
                group="",
            )


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
