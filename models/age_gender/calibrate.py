"""Finds the temperatures that make the two outputs honest, on faces held out of train.

    python calibrate.py --run RUN --variant research --cache CACHE --out research

The age temperature is the one at which the 80 % interval covers 80 % of the held-out faces of
known age (of FairFace's bins, for the variant that knows no exact age); the gender temperature
is the likeliest. Run export.py again afterwards: it bakes both into the graphs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from datasets import CALIBRATE, default_data_dir, labels_of, list_samples
from detect import Faces
from export import ServedHead, load_network
from metrics import INTERVAL, calibration_error, interval
from train import VARIANT_SOURCES
from views import CropSource, as_deepface_feeds

BATCH = 32
AGE_TEMPERATURES = np.geomspace(0.4, 2.5, 43)
GENDER_TEMPERATURES = np.geomspace(0.5, 3.0, 61)
COVERAGE = INTERVAL[1] - INTERVAL[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--variant", choices=VARIANT_SOURCES, required=True)
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    source = CropSource(args.data, list_samples(args.data), Faces.load(args.cache / "faces.npz"))
    allowed = VARIANT_SOURCES[args.variant]
    rows = [
        row
        for row, sample in enumerate(source.samples)
        if sample.split == CALIBRATE and sample.source in allowed
    ]
    age_logits, gender_logits = held_out_logits(args.run, source, rows)
    labels = labels_of([source.samples[row] for row in rows])
    found = {
        "age_temperature": age_temperature(age_logits, labels),
        "gender_temperature": gender_temperature(gender_logits, torch.from_numpy(labels[:, 2])),
        "faces": len(rows),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "calibration.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


@torch.inference_mode()
def held_out_logits(run: Path, source: CropSource, rows: list[int]) -> tuple[Tensor, Tensor]:
    """Uncalibrated logits of both heads for the pipeline's crops of `rows`."""
    network, size = load_network(run)
    heads = [ServedHead(network, head, size, 1.0).eval() for head in ("age", "gender")]
    logits: tuple[list[Tensor], list[Tensor]] = ([], [])
    for start in range(0, len(rows), BATCH):
        crops = np.stack([source.crop(row) for row in rows[start : start + BATCH]])
        batch = torch.from_numpy(as_deepface_feeds(crops))
        for head, kept in zip(heads, logits, strict=True):
            kept.append(head.logits(batch))
    return torch.cat(logits[0]), torch.cat(logits[1])


def age_temperature(logits: Tensor, labels: npt.NDArray[Any]) -> float:
    """Where the coverage of the interval comes closest to `COVERAGE`."""
    low, high = labels[:, 0], labels[:, 1]
    known = low == high
    use = known if known.any() else np.ones(len(low), bool)
    gaps = []
    for temperature in AGE_TEMPERATURES:
        ages = torch.softmax(logits[use] / float(temperature), 1).double().numpy()
        gaps.append(abs(coverage(ages, low[use], high[use]) - COVERAGE))
    return round(float(AGE_TEMPERATURES[int(np.argmin(gaps))]), 4)


def coverage(ages: npt.NDArray[Any], low: npt.NDArray[Any], high: npt.NDArray[Any]) -> float:
    """Share of labels inside the interval; of a bin, the share of its years that is inside."""
    lower, upper = interval(ages)
    exact = (lower <= low) & (low <= upper)
    overlap = np.minimum(high + 0.5, upper) - np.maximum(low - 0.5, lower)
    binned = np.clip(overlap / (high - low + 1), 0, 1)
    return float(np.where(low == high, exact, binned).mean())


def gender_temperature(logits: Tensor, gender: Tensor) -> float:
    """The likeliest one; prints the calibration error before and after."""
    losses = [
        float(functional.cross_entropy(logits / float(temperature), gender))
        for temperature in GENDER_TEMPERATURES
    ]
    best = float(GENDER_TEMPERATURES[int(np.argmin(losses))])
    for temperature in (1.0, best):
        probabilities = torch.softmax(logits / temperature, 1).double().numpy()
        error = calibration_error(probabilities, gender.numpy())
        print(f"gender temperature {temperature:.3f}: calibration error {error:.4f}")
    return round(best, 4)


if __name__ == "__main__":
    main()
