"""Where the data sets, their caches and the peers lie, and what is missing of them.

FACEPIPE_TRAINING_DATA    the data sets; README.md has its layout
FACEPIPE_TRAINING_CACHE   what is made of them; default: cache/ among the data sets
FACEPIPE_TEST_DATA        portraits and the peers' files; default: ../shared beside the checkout
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MODELS = Path(__file__).resolve().parent
ROOT = MODELS.parent


@dataclass(frozen=True, slots=True)
class Need:
    """A file or folder without which a step cannot run; `where` may hold wildcards."""

    what: str
    base: Path
    where: str

    @property
    def is_there(self) -> bool:
        return any(self.base.glob(self.where))


@dataclass(frozen=True, slots=True)
class Places:
    """The folders that the environment names."""

    data: Path
    cache: Path
    test_data: Path

    @classmethod
    def from_environment(cls) -> Places:
        data = Path(os.environ.get("FACEPIPE_TRAINING_DATA", ROOT / "training_data")).resolve()
        return cls(
            data,
            Path(os.environ.get("FACEPIPE_TRAINING_CACHE", data / "cache")).resolve(),
            Path(os.environ.get("FACEPIPE_TEST_DATA", ROOT.parent / "shared")).resolve(),
        )

    @property
    def detector_data(self) -> Path:
        return self.data / "detector"

    @property
    def peers(self) -> Path:
        return self.test_data / "models"

    @property
    def teacher(self) -> Path:
        return self.peers / "yolov8n-face_int8.tflite"

    @property
    def portraits(self) -> Path:
        return self.test_data / "photos" / "london"

    @property
    def yunet(self) -> Path:
        return self.peers / "face_detection_yunet_2023mar.onnx"

    def cache_of(self, model: str) -> Path:
        return self.cache / model

    def wider(self) -> list[Need]:
        data = self.detector_data
        return [
            Need("WIDER FACE val, images", data, "wider/*/images"),
            Need("WIDER FACE train, images", data, "wider_train/*.jpg"),
            Need("WIDER FACE, annotations", data, "lyh/**/wider_face_train.mat"),
            Need("WIDER FACE val, easy/medium/hard lists", data, "**/wider_hard_val.mat"),
        ]

    def age_gender(self) -> list[Need]:
        return [
            Need("FairFace, images", self.data, "fairface_raw/fair_face/val"),
            Need("FairFace, labels", self.data, "labels/fairface_label_val.csv"),
            Need("UTKFace", self.data, "utkface_raw/data"),
            Need("All-Age-Faces", self.data, "aaf_raw/All-Age-Faces Dataset"),
        ]

    def looks(self) -> list[Need]:
        return [
            Need("masked faces", self.detector_data, "maskon/archive/annotations"),
            Need("pictures of negatives.tsv", self.detector_data, "negatives/*/*"),
        ]

    @property
    def evaluation_sets(self) -> Path:
        return self.data / "evaluation_sets"

    @property
    def masked_labels(self) -> Path:
        return self.detector_data / "chin" / "VOCdevkit" / "VOC2007" / "Annotations"

    def evaluation_pictures(self) -> list[Need]:
        names = ("no_people", "masked", "drawings")
        return [
            *(Need(f"pictures of {name}.tsv", self.evaluation_sets, f"{name}/*") for name in names),
            Need("labels of masked.tsv", self.masked_labels, "*.xml"),
        ]

    def yunet_file(self) -> list[Need]:
        return [Need("YuNet", self.peers, self.yunet.name)]

    def teacher_file(self) -> list[Need]:
        return [Need("yolov8n-face", self.peers, self.teacher.name)]

    def peer_files(self) -> list[Need]:
        return [
            *self.yunet_file(),
            *self.teacher_file(),
            Need("OpenVINO's retail-0013", self.peers, "INT8-age-gender-recognition-retail-0013.*"),
            Need("the London portraits", self.portraits, "labels.csv"),
        ]


def complaint(verb: str, needs: Sequence[Need]) -> str:
    """What to say when something is missing; "" when nothing is."""
    missing = [need for need in needs if not need.is_there]
    if not missing:
        return ""
    lines = [f"`make {verb}` needs what is not here:", ""]
    lines += [f"  {need.what:40s} {need.base / need.where}" for need in missing]
    lines += [
        "",
        "FACEPIPE_TRAINING_DATA names the folder of the data sets, FACEPIPE_TEST_DATA the one of",
        "the portraits and of the peers' files. models/README.md says where each is to be had.",
    ]
    return "\n".join(lines)
