"""Measures exported graphs on the report parts, through the pipeline's own crops.

    python evaluate.py --graphs research open --data DATA --cache CACHE --out figures.json \
        --portraits PHOTOS/london --peers MODELS --detector ../face_detector/face_detector.onnx

Writes every figure to one JSON file. Runs in the environment of `make accuracy`, which prints
the tables.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from answers import GRAPH, Session, Task, ask, session_of, start
from datasets import REPORT, SOURCES, Sample, default_data_dir, list_samples
from detect import MISSED, Faces
from groups import by_groups
from metrics import Predictions, figures, rounded
from own_detector import locate_faces
from peer import PEER, PEER_FILE, counts, peer_figures
from portraits import measure_portraits
from reliability import measure_reliability
from stability import measure_stability
from views import ROUGH_VIEWS, STRAIGHT, CropSource

YUNET, OWN = "yunet", "face_detector"
DEFAULT = "open"  # the variant whose marks are measured

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """The report part of a set, or each n-th face of it, and two smaller choices of the same."""

    name: str
    rows: list[int]
    rough: list[int]
    own: list[int]


def main() -> None:
    args = _arguments()
    graphs = {folder.name: folder for folder in args.graphs}
    samples = list_samples(args.data)
    parts = [_part(name, samples, args) for name in SOURCES]
    boxes = {YUNET: Faces.load(args.cache / "faces.npz"), OWN: _own_boxes(samples, parts, args)}
    task = Task(
        {name: CropSource(args.data, samples, faces) for name, faces in boxes.items()},
        graphs,
        args.peers / PEER_FILE,
    )
    report: Figures = {"every": args.every, "variants": {}, PEER: {}}
    for name, folder in graphs.items():
        report["variants"][name] = _described(folder, args)
    with multiprocessing.Pool(args.processes, start, (task,)) as pool:
        for part in parts:
            measured, report[PEER][part.name] = _measure(pool, samples, part, boxes)
            for name, entry in measured.items():
                report["variants"][name]["sets"][part.name] = entry
                print(name, part.name, entry["all"], flush=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")


def _measure(
    pool: Any, samples: Sequence[Sample], part: Part, boxes: dict[str, Faces]
) -> tuple[dict[str, Figures], Figures]:
    """Figures of one set: by variant, and the peer's."""
    chosen = [samples[row] for row in part.rows]
    said, peers = ask(pool, samples, YUNET, part.rows)
    entries = {name: by_groups(one, chosen) for name, one in said.items()}
    claimed = np.array([counts(sample) for sample in chosen])
    rough = {view: _figures(ask(pool, samples, YUNET, part.rough, view)[0])
             for view in (STRAIGHT, *ROUGH_VIEWS)}  # fmt: skip
    own = {whose: _figures(ask(pool, samples, whose, part.own)[0]) for whose in boxes}
    for name, entry in entries.items():
        entry["taken_whole"] = int((boxes[YUNET].how[part.rows] == MISSED).sum())
        entry["peer_ages"] = rounded(figures(said[name].of(claimed)))
        entry["rough"] = {view.name: found[name] for view, found in rough.items()}
        entry["boxes"] = {whose: found[name] for whose, found in own.items()}
        entry["boxes_taken_whole"] = {
            whose: int((faces.how[part.own] == MISSED).sum()) for whose, faces in boxes.items()
        }
    return entries, peer_figures(peers, chosen)


def _figures(said: dict[str, Predictions]) -> dict[str, dict[str, float]]:
    return {name: rounded(figures(one)) for name, one in said.items()}


def _part(name: str, samples: Sequence[Sample], args: argparse.Namespace) -> Part:
    rows = [r for r, s in enumerate(samples) if s.source == name and s.split == REPORT]
    rows = rows[:: args.every]
    rough, own = (
        rows[:: max(1, round(len(rows) * args.every / faces))]
        for faces in (args.rough_faces, args.own_faces)
    )
    return Part(name, rows, rough, own)


def _own_boxes(samples: Sequence[Sample], parts: Sequence[Part], args: argparse.Namespace) -> Faces:
    """Boxes of the rows that are measured with them; the other rows are empty."""
    rows = [row for part in parts for row in part.own]
    paths = [args.data / samples[row].path for row in rows]
    found = locate_faces(args.detector, paths, args.processes)
    total = len(samples)
    faces = Faces(
        np.zeros((total, 4), np.int32),
        np.full((total, 4), np.nan, np.float32),
        np.full(total, MISSED, np.uint8),
    )
    faces.boxes[rows], faces.eyes[rows], faces.how[rows] = found.boxes, found.eyes, found.how
    return faces


def _described(folder: Path, args: argparse.Namespace) -> Figures:
    """What can be said of a variant without the data sets."""
    path = folder / GRAPH
    session = session_of(path)
    earlier = [session_of(graph) for graph in sorted(args.earlier.glob("*.onnx"))]
    ours, theirs = milliseconds_a_face([[session], earlier])
    return {
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "milliseconds_a_face": ours,
        "milliseconds_of_the_earlier": theirs,
        "portraits": measure_portraits(args.portraits, args.detector, session),
        "stability": measure_stability(args.portraits, args.detector, session),
        "reliable": measure_reliability(session, args) if folder.name == DEFAULT else None,
        "sets": {},
    }


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def milliseconds_a_face(groups: Sequence[Sequence[Session]]) -> list[float]:
    """One face at a time on one core, of the processor's time: the median of 60 turns, by group.

    The groups take turns, so that a busy machine is as busy for all; a group is a sum of graphs.
    """
    crop = np.zeros((1, 224, 224, 3), np.float32)
    times = np.zeros((60, len(groups)))
    for turn in times:
        for place, sessions in enumerate(groups):
            began = time.process_time()
            for session in sessions:
                session.run(None, {session.get_inputs()[0].name: crop})
            turn[place] = 1e3 * (time.process_time() - began)
    return [round(float(each), 2) for each in np.median(times, 0)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--cache", type=Path, required=True, help="folder of faces.npz")
    parser.add_argument("--portraits", type=Path, required=True, help="folder with labels.csv")
    parser.add_argument("--peers", type=Path, required=True, help=f"folder of {PEER_FILE}")
    parser.add_argument("--detector", type=Path, required=True, help="the project's own")
    parser.add_argument("--evaluation-sets", type=Path, required=True, help="extracted pictures")
    parser.add_argument("--masked-labels", type=Path, required=True, help="folder of VOC files")
    parser.add_argument("--earlier", type=Path, required=True, help="folder of the graphs to time")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="measure each n-th face only")
    parser.add_argument("--rough-faces", type=int, default=1200, help="of each set, for the views")
    parser.add_argument("--own-faces", type=int, default=600, help="of each set, with own boxes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
