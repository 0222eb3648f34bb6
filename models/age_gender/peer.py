"""OpenVINO's age-gender-recognition-retail-0013 on the same crops (needs openvino).

It claims ages of 18 to 75 years only, so only such faces count. It was made for tighter crops
than ours: it sees the middle of our crop at each of `WINDOWS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from datasets import FAIRFACE, Sample
from metrics import CLOSE_YEARS, rounded

PEER = "openvino-retail-0013"
PEER_FILE = "INT8-age-gender-recognition-retail-0013.xml"
PEER_SIZE = 62
WINDOWS = (1.0, 0.85, 0.71)
YOUNGEST, OLDEST, OLDEST_BIN = 18, 75, 69

Answers = npt.NDArray[np.float64]
"""`(windows, n, 2)`: age in years and index of the gender (0 woman, as in our order)."""


class Peer:
    """The network; one a process."""

    def __init__(self, path: Path) -> None:
        import openvino

        self._network: Any = openvino.Core().compile_model(
            path, "CPU", {"INFERENCE_NUM_THREADS": 1}
        )

    def ask(self, crops: npt.NDArray[np.uint8]) -> Answers:
        """Answers at each window for crops `(n, 224, 224, 3)`, uint8, RGB."""
        return np.array([[self._ask(crop, window) for crop in crops] for window in WINDOWS])

    def _ask(self, crop: npt.NDArray[np.uint8], window: float) -> tuple[float, float]:
        side = round(window * crop.shape[0])
        start = (crop.shape[0] - side) // 2
        middle = crop[start : start + side, start : start + side, ::-1]
        small = cv2.resize(middle, (PEER_SIZE, PEER_SIZE), interpolation=cv2.INTER_AREA)
        fed = np.ascontiguousarray(small.transpose(2, 0, 1)[None].astype(np.float32))
        answer = self._network(fed)
        age = float(np.ravel(answer["age_conv3"])[0]) * 100
        return age, float(np.ravel(answer["prob"]).argmax())


def counts(sample: Sample) -> bool:
    """Whether a face is of an age that the peer claims; FairFace's bins have to lie inside."""
    oldest = OLDEST_BIN if sample.source == FAIRFACE else OLDEST
    return sample.age_low >= YOUNGEST and sample.age_high <= oldest


def peer_figures(answers: Answers, samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """Figures for each window of the crop, over the samples that count."""
    chosen = np.array([counts(sample) for sample in samples])
    low, high, gender = (
        np.array([getattr(sample, name) for sample in samples])[chosen]
        for name in ("age_low", "age_high", "gender")
    )
    figures = {}
    for window, said in zip(WINDOWS, answers[:, chosen], strict=True):
        off = np.maximum(np.maximum(low - said[:, 0], said[:, 0] - high), 0.0)
        figures[f"window {window}"] = rounded({
            "faces": int(chosen.sum()),
            "mae": float(off.mean()),
            "within_5": float((off <= CLOSE_YEARS).mean()),
            "gender_accuracy": float((said[:, 1] == gender).mean()),
        })  # fmt: skip
    return figures
