"""`python -m models.training MODEL`: prepares, trains, calibrates, exports.

Runs in .venvs/training. Each step is a program in the model's folder that can be run alone; a
step whose result lies in the cache already is left out. Exit code 2: data are missing.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.places import MODELS, Need, Places, complaint

DEFAULT_MINUTES = {"face_detector": 480.0, "age_gender": 240.0}
REFINER_SHARE = 0.25
"""Of the detector's minutes, those that its refiner gets after them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One program of a model's folder. It is left out where `makes` is there."""

    program: str
    options: Sequence[object]
    makes: Path | None = None

    def command(self, model: str) -> list[str]:
        return [sys.executable, str(MODELS / model / self.program), *map(str, self.options)]


def main() -> int:
    args = _arguments()
    places = Places.from_environment()
    if problem := complaint(f"train-{args.model}", _needs(places, args.model)):
        print(f"\n{problem}\n", file=sys.stderr)
        return 2
    steps = (
        face_detector(places, args) if args.model == "face_detector" else age_gender(places, args)
    )
    # Ultralytics shall neither install packages nor report what it is used for.
    environment = os.environ | {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
    for step in steps:
        if step.makes is not None and step.makes.exists():
            print(f"{step.program}: {step.makes} is there", flush=True)
            continue
        command = step.command(args.model)
        print(f"$ {shlex.join(command)}", flush=True)
        done = subprocess.run(command, env=environment, check=False)
        if done.returncode != 0:
            print(f"\n{step.program} failed, see above\n", file=sys.stderr)
            return 1
    return 0


def face_detector(places: Places, args: argparse.Namespace) -> Iterator[Step]:
    """The steps of the face detector."""
    cache = places.cache_of("face_detector")
    run, index, data = args.run or cache / "run", cache / "index.json", places.detector_data
    weights = MODELS / "face_detector" / "weights.npz"
    for folder in (cache, run, args.out):
        folder.mkdir(parents=True, exist_ok=True)
    prepare = ["--data", data, "--teacher", places.teacher]
    yield Step("prepare.py", [*prepare, "--out", index], index)
    train = ["--index", index, "--data", data, "--start", weights, "--out", run]
    yield Step("train.py", [*train, "--minutes", args.minutes, "--seed", args.seed, *args.more])
    yield Step("export.py", ["--run", run, "--out", args.out])
    lessons, graph = cache / "refiner", args.out / "face_detector.onnx"
    seen = ["--index", index, "--data", data, "--model", graph]
    yield Step("refiner_lessons.py", [*seen, "--out", lessons], lessons / "lessons.npz")
    refiner, minutes = run / "refiner.npz", REFINER_SHARE * args.minutes
    learn = ["--lessons", lessons, "--start", weights.with_name("refiner.npz"), "--out", refiner]
    yield Step("train_refiner.py", [*learn, "--minutes", minutes, "--seed", args.seed])
    yield Step("export_refiner.py", ["--weights", refiner, "--out", args.out])


def age_gender(places: Places, args: argparse.Namespace) -> Iterator[Step]:
    """The steps of one variant of age and gender."""
    cache = places.cache_of("age_gender")
    run, out = args.run or cache / "runs" / args.variant, args.out / args.variant
    data = ["--data", places.data]
    processes = ["--processes", os.cpu_count() or 1]
    faces = [*data, "--detector", places.yunet, "--out", cache, *processes]
    variant = ["--variant", args.variant]
    cached = ["--cache", cache]
    yield Step("detect.py", faces, cache / "faces.npz")
    yield Step("prepare.py", [*data, *cached, *processes], cache / "rows.npy")
    timing = ["--minutes", args.minutes, "--seed", args.seed]
    yield Step("train.py", [*variant, *data, *cached, "--out", run, *timing, *args.more])
    detector_data = ["--detector-data", places.detector_data, "--detector", places.yunet]
    yield Step("train_quality.py", ["--run", run, *data, *cached, *detector_data])
    yield Step("calibrate.py", ["--run", run, *variant, *data, *cached, "--out", out])
    yield Step("export.py", ["--run", run, *variant, "--out", out])


def _needs(places: Places, model: str) -> list[Need]:
    if model == "face_detector":
        return [*places.wider()[:3], *places.teacher_file()]
    return [*places.age_gender(), *places.looks(), *places.yunet_file()]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make train-MODEL", description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=DEFAULT_MINUTES)
    parser.add_argument("--variant", choices=("research", "open"), default="research")
    parser.add_argument("--minutes", type=float, help="of training; the schedule follows them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", type=Path, help="folder of the checkpoint; default: in the cache")
    parser.add_argument("--out", type=Path, help="where weights go; default: the model's folder")
    args, more = parser.parse_known_args()
    args.more = more  # for train.py
    args.minutes = args.minutes or DEFAULT_MINUTES[args.model]
    args.out = (args.out or MODELS / args.model).resolve()
    return args


if __name__ == "__main__":
    sys.exit(main())
