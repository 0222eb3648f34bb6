"""`python -m models.accuracy`: measures, prints the tables, writes the JSON file.

Runs in .venvs/models. Exit code 2: data or peers are missing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from models.accuracy.age_gender_tables import age_gender_blocks
from models.accuracy.detector_tables import detector_blocks
from models.accuracy.targets import Figures, targets_of
from models.places import MODELS, ROOT, Need, Places, complaint

RESULTS = ROOT / "benchmarks" / "results" / "accuracy.json"
PARTS = ("face_detector", "age_gender")
EARLIER = "b3e011c"  # the commit of the last two graphs


def main() -> int:
    args = _arguments()
    places = Places.from_environment()
    parts = [args.only] if args.only else list(PARTS)
    if problem := complaint("accuracy", _needs(places, parts)):
        print(f"\n{problem}\n", file=sys.stderr)
        return 2
    out = args.out or (RESULTS if args.every == 1 else ROOT / "run" / "accuracy-quick.json")
    report = json.loads(out.read_text()) if args.only and out.exists() else {}
    measure = {"face_detector": measure_detector, "age_gender": measure_age_gender}
    for part in parts:
        report[part] = measure[part](places, args.every)
        report[part]["machine"] = f"{platform.machine()}, {os.cpu_count()} cores"
    report["targets"] = [target.to_json() for target in targets_of(report)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    _print(report)
    print(f"\nwrote {out}" + ("; `make format` puts it into the cards" if out == RESULTS else ""))
    return 0


def measure_detector(places: Places, every: int) -> Figures:
    """Figures of the face detector and its peers."""
    options = ["--data", places.detector_data, "--test-data", places.test_data]
    options += ["--sets", places.data / "evaluation_sets", "--every", every]
    return _evaluate("face_detector", options)


def measure_age_gender(places: Places, every: int) -> Figures:
    """Figures of every variant that there is, and of the peer."""
    cache = places.cache_of("age_gender")
    if not (cache / "faces.npz").exists():
        print("finding the faces of all images, once", flush=True)
        options = ["--data", places.data, "--detector", places.yunet, "--out", cache]
        _run("age_gender", "detect.py", [*options, "--processes", os.cpu_count() or 1])
    variants = sorted(path.parent for path in MODELS.glob("age_gender/*/age_gender.onnx"))
    earlier = earlier_graphs(cache / "earlier")
    options = ["--graphs", *variants, "--data", places.data, "--cache", cache]
    options += ["--earlier", earlier, "--evaluation-sets", places.evaluation_sets]
    options += ["--masked-labels", places.masked_labels]
    options += ["--portraits", places.portraits, "--peers", places.peers, "--every", every]
    options += ["--detector", MODELS / "face_detector" / "face_detector.onnx"]
    return _evaluate("age_gender", [*options, "--processes", os.cpu_count() or 1])


def earlier_graphs(folder: Path) -> Path:
    """The two graphs whose time the goal is told in shares of, out of the repository's history."""
    folder.mkdir(parents=True, exist_ok=True)
    for head in ("age", "gender"):
        name = f"{head}_model_weights.onnx"
        blob = subprocess.run(
            ["git", "show", f"{EARLIER}:models/age_gender/open/{name}"],
            cwd=ROOT, capture_output=True, check=True,
        )  # fmt: skip
        (folder / name).write_bytes(blob.stdout)
    return folder


def _evaluate(model: str, options: Sequence[object]) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        _run(model, "evaluate.py", [*options, "--out", out])
        figures: Figures = json.loads(out.read_text())
    return figures


def _run(model: str, program: str, options: Sequence[object]) -> None:
    """Runs a program of a model; its folder comes first on its path, so its modules are found."""
    command = [sys.executable, str(MODELS / model / program), *map(str, options)]
    subprocess.run(command, check=True)


def _needs(places: Places, parts: Sequence[str]) -> list[Need]:
    needs = [*places.peer_files()]
    if "face_detector" in parts:
        needs += places.wider()
    if "age_gender" in parts:
        needs += [*places.age_gender(), *places.evaluation_pictures()]
    return needs


def _print(report: Figures) -> None:
    blocks = [detector_blocks(report), age_gender_blocks(report)]
    for name, table in (item for part in blocks for item in part.items()):
        print(f"\n{name}\n\n{table}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make accuracy", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, help="one model; keeps the other's figures")
    parser.add_argument("--every", type=int, default=1, help="measure each n-th face and image")
    parser.add_argument("--out", type=Path, help=f"default {RESULTS.name}; a quick pass: run/")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
