"""The crops that are measured: cut by the pipeline's own code, one sample at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets import Sample
from detect import Faces
from facepipe.files.imaging import cut_face_crop
from prepare import read_rgb, scaled_box


@dataclass(frozen=True, slots=True)
class View:
    """How far the box is off: grown by `scale`, moved by shares of its longer side."""

    name: str
    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0


STRAIGHT = View("straight")
ROUGH_VIEWS = (
    View("shifted left", shift_x=-0.1),
    View("shifted right", shift_x=0.1),
    View("shifted up", shift_y=-0.1),
    View("shifted down", shift_y=0.1),
    View("scaled 0.8", scale=0.8),
    View("scaled 1.25", scale=1.25),
)


@dataclass(frozen=True, slots=True)
class CropSource:
    """Cuts the crop of a row of `list_samples`."""

    data_dir: Path
    samples: list[Sample]
    faces: Faces

    def crop(self, row: int, view: View = STRAIGHT) -> npt.NDArray[np.uint8]:
        """`(224, 224, 3)` uint8, RGB."""
        box = self.faces.box(row)
        if view != STRAIGHT:
            box = scaled_box(box, view.scale, view.shift_x, view.shift_y)
        image = read_rgb(self.data_dir / self.samples[row].path)
        return cut_face_crop(image, box, self.faces.eye_points(row))


def as_deepface_feeds(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """RGB uint8 crops as the served graphs take them: BGR, float32, 0-1, channels last."""
    return np.ascontiguousarray(crops[..., ::-1]).astype(np.float32) / np.float32(255)
