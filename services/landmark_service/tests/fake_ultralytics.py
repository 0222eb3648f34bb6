"""Stands in for `ultralytics` and `torch`, which the service's own environment has not."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest


class Tensor:
    def __init__(self, values: Any) -> None:
        self._values = np.array(values, np.float32)

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self._values


@dataclass
class FakeUltralytics:
    """What the stand-in answers, and what it was asked."""

    task: str = "detect"
    names: dict[int, str] = field(default_factory=lambda: {0: "face"})
    error: Exception | None = None
    points: list[Any] | None = None
    threads: list[int] = field(default_factory=list)
    read: list[Path] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def open(self, path: Path) -> FakeUltralytics:
        self.read.append(path)
        self.environment = dict(os.environ)
        if self.error is not None:
            raise self.error
        return self

    def predict(self, image_bgr: np.ndarray, **asked: Any) -> list[Any]:
        self.threads.append(0)  # as the real one does
        self.asked.append(asked)
        self.images.append(image_bgr)
        boxes = SimpleNamespace(xyxy=Tensor([[10, 20, 30, 50]]), conf=Tensor([0.9]))
        keypoints = SimpleNamespace(data=Tensor(self.points)) if self.points else None
        return [SimpleNamespace(boxes=boxes, keypoints=keypoints)]

    def export(self, **_: Any) -> str:
        raise RuntimeError("no operator")


def install(monkeypatch: pytest.MonkeyPatch) -> FakeUltralytics:
    fake = FakeUltralytics()
    for name in ("ULTRALYTICS_SAFE_LOAD", "YOLO_AUTOINSTALL", "YOLO_OFFLINE"):
        monkeypatch.setenv(name, "")  # so that it is taken back afterwards
        monkeypatch.delenv(name)
    ultralytics, torch = ModuleType("ultralytics"), ModuleType("torch")
    vars(ultralytics)["YOLO"] = fake.open
    vars(torch)["set_num_threads"] = fake.threads.append
    monkeypatch.setitem(sys.modules, "ultralytics", ultralytics)
    monkeypatch.setitem(sys.modules, "torch", torch)
    return fake
