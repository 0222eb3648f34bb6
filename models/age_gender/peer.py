"""Measures OpenVINO's age-gender-recognition-retail-0013 on the same crops (needs openvino).

    python peer.py --peer age-gender-recognition-retail-0013.xml --data DATA --cache CACHE \
        --out metrics.json

It claims ages of 18 to 75 years only, so only such faces count. It was made for tighter crops
than ours: it sees the middle of our crop at each of `WINDOWS` and is given its best one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino

from datasets import FAIRFACE, REPORT, SOURCES, Sample, default_data_dir, list_samples
from detect import Faces
from views import CropSource

PEER_SIZE = 62
WINDOWS = (1.0, 0.85, 0.71)
YOUNGEST, OLDEST = 18, 75


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=2000, help="of each set")
    args = parser.parse_args()

    peer = openvino.Core().compile_model(args.peer, "CPU", {"INFERENCE_NUM_THREADS": 1})
    source = CropSource(args.data, list_samples(args.data), Faces.load(args.cache / "faces.npz"))
    report = {name: measure(peer, source, name, args.faces) for name in SOURCES}
    known = json.loads(args.out.read_text()) if args.out.exists() else {}
    known["openvino-retail-0013"] = report
    args.out.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    print(json.dumps(report, indent=1))


def measure(peer: Any, source: CropSource, name: str, faces: int) -> dict[str, dict[str, float]]:
    """Figures for each window of the crop."""
    rows = [row for row, sample in enumerate(source.samples) if _counts(sample, name)]
    rows = rows[:: max(1, len(rows) // faces)]
    off: dict[float, list[float]] = {window: [] for window in WINDOWS}
    right: dict[float, list[bool]] = {window: [] for window in WINDOWS}
    for row in rows:
        sample, crop = source.samples[row], source.crop(row)
        for window in WINDOWS:
            age, gender = _ask(peer, crop, window)
            off[window].append(max(sample.age_low - age, age - sample.age_high, 0.0))
            right[window].append(gender == sample.gender)
    return {
        f"window {window}": {
            "faces": len(rows),
            "mae": round(float(np.mean(off[window])), 4),
            "gender_accuracy": round(float(np.mean(right[window])), 4),
        }
        for window in WINDOWS
    }


def _counts(sample: Sample, name: str) -> bool:
    if sample.source != name or sample.split != REPORT:
        return False
    oldest = 69 if name == FAIRFACE else OLDEST
    return sample.age_low >= YOUNGEST and sample.age_high <= oldest


def _ask(peer: Any, crop: np.ndarray[Any, Any], window: float) -> tuple[float, int]:
    """Age in years and index of the gender (0 woman, as in our order)."""
    side = round(window * crop.shape[0])
    start = (crop.shape[0] - side) // 2
    middle = crop[start : start + side, start : start + side, ::-1]
    small = cv2.resize(middle, (PEER_SIZE, PEER_SIZE), interpolation=cv2.INTER_AREA)
    answer = peer(np.ascontiguousarray(small.transpose(2, 0, 1)[None].astype(np.float32)))
    age = float(np.ravel(answer["age_conv3"])[0]) * 100
    return age, int(np.ravel(answer["prob"]).argmax())


if __name__ == "__main__":
    main()
