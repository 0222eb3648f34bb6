"""Our reading of YOLOv8 against Ultralytics' own, recorded by `data/make_yolov8_parity.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facepipe.domain.geometry import ImageSize
from landmark_service.adapters.resizing import shrink_into
from landmark_service.adapters.yolov8 import from_yolo
from landmark_service.letterbox import fit_long_side
from landmark_service.yolo_output import decode, layout_of

DATA = Path(__file__).parent / "data"
METADATA = {
    "detect": {"names": "{0: 'face'}"},
    "pose": {"names": "{0: 'face'}", "kpt_shape": "(5, 3)"},
}


@pytest.fixture(params=["detect", "pose"])
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def recorded(task: str) -> dict[str, Any]:
    arrays = np.load(DATA / f"{task}.npz")
    description: dict[str, Any] = json.loads((DATA / f"{task}.json").read_text("utf-8"))
    return description | {"input": arrays["input"], "output": arrays["output"]}


def test_the_network_sees_what_ultralytics_shows_it(recorded: dict[str, Any]) -> None:
    image_rgb = np.load(DATA / "yolov8_image.npz")["image_rgb"]
    letterbox = fit_long_side(ImageSize(*recorded["image"]), recorded["long_side"])
    picture = shrink_into(image_rgb, letterbox)
    assert picture.shape == recorded["input"].shape
    np.testing.assert_allclose(picture.astype(int), recorded["input"].astype(int), atol=1)


def test_the_faces_are_those_that_ultralytics_finds(task: str, recorded: dict[str, Any]) -> None:
    # Given what the network answered
    output = recorded["output"]
    letterbox = fit_long_side(ImageSize(*recorded["image"]), recorded["long_side"])
    # When we read it
    faces = decode(
        output, layout_of(METADATA[task], len(output)), recorded["confidence"], recorded["iou"]
    )
    found = from_yolo(faces, letterbox)
    # Then these are Ultralytics' faces, which it clips to the image
    expected = recorded["faces"]
    assert len(expected) > 3
    assert len(found) == len(expected)
    width, height = recorded["image"]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.confidence == pytest.approx(theirs["confidence"], abs=1e-5)
        corners = np.clip([ours.x1, ours.y1, ours.x2, ours.y2], 0, [width, height] * 2)
        np.testing.assert_allclose(corners, theirs["xyxy"], atol=1.0)
    points = letterbox.to_image(faces.points[..., :2])
    for place, theirs in enumerate(expected if task == "pose" else []):
        clipped = np.clip(points[place], 0, [width, height])
        np.testing.assert_allclose(clipped, np.array(theirs["points"])[:, :2], atol=1.0)
