"""The network: Ultralytics' YOLOv8 pose model at a scale of our own, and its weights as a file.

Half the channels of YOLOv8n, and half its bins for a box's edges: a quarter of the arithmetic. The
five points cost 4 % of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
import torchvision_stand_in

os.environ["YOLO_AUTOINSTALL"] = "false"
torchvision_stand_in.install()

from ultralytics.cfg import get_cfg  # noqa: E402
from ultralytics.nn.tasks import PoseModel, yaml_model_load  # noqa: E402

DEPTH, WIDTH, MOST_CHANNELS = 0.33, 0.125, 1024
BINS = 8
POINTS = 5
POINT_SIGMA = 0.1
"""How far off a point may be, as a share of the face's side, before the loss levels out."""
GAINS = {"box": 5.0, "cls": 2.0, "dfl": 1.0, "pose": 1.0}
"""Whether there is a face counts for more than in COCO, the last pixel of its edges for less."""
Weights = dict[str, torch.Tensor]


def new_model() -> PoseModel:
    """Build the network with random weights; its only class is named face."""
    description = yaml_model_load("yolov8-pose.yaml") | {
        "scales": {"f": [DEPTH, WIDTH, MOST_CHANNELS]}, "scale": "f",
        "reg_max": BINS, "kpt_shape": [POINTS, 2], "nc": 1,
    }  # fmt: skip
    model = PoseModel(description, verbose=False)
    model.args = get_cfg(overrides=GAINS)
    model.names = {0: "face"}
    model.kpt_oks_sigmas = [POINT_SIGMA] * POINTS
    return model.to(memory_format=torch.channels_last)


def read_weights(path: Path) -> Weights:
    """Read what `write_weights` wrote, in single precision. No pickle is involved."""
    with np.load(path, allow_pickle=False) as arrays:
        tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}


def write_weights(weights: Weights, path: Path) -> None:
    """Write a state dict as plain arrays, in half precision."""
    halves = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    np.savez(path, **{name: tensor.cpu().numpy() for name, tensor in halves.items()})
