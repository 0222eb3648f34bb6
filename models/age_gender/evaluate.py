"""Measures exported graphs on the report parts, through the pipeline's own crops.

    python evaluate.py --graphs research --data DATA --cache CACHE --portraits PHOTOS/london \
        --detector face_detection_yunet_2023mar.onnx --out metrics.json

Writes every figure to one JSON file under the name of the variant, and prints the tables.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from datasets import FAIRFACE, REPORT, SOURCES, Sample, default_data_dir, labels_of, list_samples
from detect import MISSED, Faces
from metrics import Floats, Predictions, figures, rounded
from portraits import measure_portraits
from views import ROUGH_VIEWS, STRAIGHT, CropSource, View, as_deepface_feeds

HEADS = ("age", "gender")
BATCH = 16
BANDS = ((0, 2), (3, 9), (10, 19), (20, 29), (30, 39), (40, 49), (50, 59), (60, 69), (70, 120))
ADULT = 18

_state: _Worker | None = None


@dataclass(frozen=True, slots=True)
class _Worker:
    """What each process holds."""

    source: CropSource
    sessions: tuple[onnxruntime.InferenceSession, ...]


def main() -> None:
    args = _arguments()
    samples = list_samples(args.data)
    faces = Faces.load(args.cache / "faces.npz")
    source = CropSource(args.data, samples, faces)
    report: dict[str, Any] = {"milliseconds_a_face": milliseconds_a_face(args.graphs)}
    with multiprocessing.Pool(args.processes, _start, (source, args.graphs)) as pool:
        for name in SOURCES:
            rows = [r for r, s in enumerate(samples) if s.source == name and s.split == REPORT]
            rows = rows[:: args.every]
            measured = predict(pool, samples, rows, STRAIGHT)
            entry = by_groups(measured, [samples[row] for row in rows])
            entry["taken_whole"] = int((faces.how[rows] == MISSED).sum())
            some = rows[:: max(1, len(rows) // args.rough_faces)]
            entry["rough"] = {
                view.name: rounded(figures(predict(pool, samples, some, view)))
                for view in (STRAIGHT, *ROUGH_VIEWS)
            }
            report[name] = entry
            _print(name, entry)
    if args.portraits and args.detector:
        report["portraits"] = measure_portraits(args.portraits, args.detector, args.graphs)
        print("portraits", report["portraits"])
    _merge(args.out, args.graphs.name, report)


def predict(pool: Any, samples: Sequence[Sample], rows: Sequence[int], view: View) -> Predictions:
    """Both heads on the crops of `rows`."""
    chunks = [(list(rows[at : at + BATCH]), view) for at in range(0, len(rows), BATCH)]
    answers = pool.map(_predict_chunk, chunks, chunksize=1)
    labels = labels_of([samples[row] for row in rows])
    return Predictions(
        ages=np.concatenate([answer[0] for answer in answers]),
        genders=np.concatenate([answer[1] for answer in answers]),
        age_low=labels[:, 0].astype(np.float64),
        age_high=labels[:, 1].astype(np.float64),
        gender=labels[:, 2],
    )


def by_groups(measured: Predictions, samples: Sequence[Sample]) -> dict[str, Any]:
    """Figures of all, and by age band, gender and the set's own groups."""
    low = measured.age_low
    entry: dict[str, Any] = {"all": rounded(figures(measured))}
    entry["adults"] = rounded(figures(measured.of(low >= ADULT)))
    chosen = {f"{a}-{b}": (low >= a) & (low <= b) for a, b in BANDS}
    entry["age"] = _each(measured, chosen)
    entry["gender"] = _each(measured, {"woman": measured.gender == 0, "man": measured.gender == 1})
    groups = np.array([sample.group for sample in samples])
    entry["group"] = _each(measured, {str(g): groups == g for g in np.unique(groups) if g})
    if samples[0].source == FAIRFACE:
        entry["bins"] = rounded(bin_accuracy(measured))
    return entry


def bin_accuracy(measured: Predictions) -> dict[str, float]:
    """Share of faces whose expected age falls into FairFace's bin, or a neighbouring one."""
    starts = np.array([low for low, _ in BANDS])
    said = np.searchsorted(starts, measured.expected + 0.5, side="right") - 1
    true = np.searchsorted(starts, measured.age_low, side="right") - 1
    apart = np.abs(said - true)
    return {"exact": float((apart == 0).mean()), "one_off": float((apart <= 1).mean())}


def milliseconds_a_face(graphs: Path) -> dict[str, float]:
    """One face at a time on one core: the median of 60."""
    crop = np.zeros((1, 224, 224, 3), np.float32)
    out = {}
    for head, session in zip(HEADS, _sessions(graphs), strict=True):
        times = []
        for _ in range(60):
            began = time.perf_counter()
            session.run(None, {session.get_inputs()[0].name: crop})
            times.append(1e3 * (time.perf_counter() - began))
        out[head] = round(float(np.median(times)), 2)
    return out


def _sessions(graphs: Path) -> tuple[onnxruntime.InferenceSession, ...]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return tuple(
        onnxruntime.InferenceSession(
            str(graphs / f"{head}_model_weights.onnx"), options, ["CPUExecutionProvider"]
        )
        for head in HEADS
    )


def _start(source: CropSource, graphs: Path) -> None:
    global _state
    cv2.setNumThreads(1)
    _state = _Worker(source, _sessions(graphs))


def _predict_chunk(chunk: tuple[list[int], View]) -> tuple[Floats, Floats]:
    assert _state is not None
    rows, view = chunk
    crops = as_deepface_feeds(np.stack([_state.source.crop(row, view) for row in rows]))
    ages, genders = (
        session.run(None, {session.get_inputs()[0].name: crops})[0].astype(np.float64)
        for session in _state.sessions
    )
    return ages, genders


def _each(
    measured: Predictions, chosen: dict[str, npt.NDArray[np.bool_]]
) -> dict[str, dict[str, float]]:
    return {
        name: rounded(figures(measured.of(mask))) for name, mask in chosen.items() if mask.any()
    }


def _print(name: str, entry: dict[str, Any]) -> None:
    print(f"\n{name}: {entry['taken_whole']} taken whole")
    columns = (
        "faces",
        "mae",
        "within_5",
        "bias",
        "gender_accuracy",
        "interval_coverage",
        "interval_width",
        "gender_ece",
        "abstained",
        "gender_accuracy_of_the_rest",
    )
    print(f"{'':24s}" + "".join(f"{column[:12]:>13s}" for column in columns))
    lines = {
        "all": entry["all"],
        "adults": entry["adults"],
        **entry["age"],
        **entry["gender"],
        **entry["group"],
        **entry["rough"],
    }
    for label, line in lines.items():
        print(f"{label:24s}" + "".join(f"{line[column]:13.3f}" for column in columns), flush=True)


def _merge(path: Path, variant: str, report: dict[str, Any]) -> None:
    known = json.loads(path.read_text()) if path.exists() else {}
    known[variant] = report
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=Path, required=True, help="folder of the two graphs")
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--portraits", type=Path, help="folder with labels.csv")
    parser.add_argument("--detector", type=Path, help="YuNet, for the portraits")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="measure each n-th face only")
    parser.add_argument("--rough-faces", type=int, default=1200, help="of each set, for the views")
    return parser.parse_args()


if __name__ == "__main__":
    main()
