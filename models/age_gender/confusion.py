"""Measures what the served graphs take each age and gender for, on the report parts.

    python confusion.py --data DATA --detector face_detection_yunet_2023mar.onnx

Writes `confusion_<variant>.json` into plotter_service, which corrects its age pyramid by it. Runs
in the environment of `make accuracy`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from answers import GRAPH, run, session_of
from datasets import REPORT, SOURCES, Sample, default_data_dir, list_samples
from detect import load_detector, locate_face
from evaluate import sha256_of
from facepipe.domain.geometry import BoundingBox, Point
from facepipe.files.imaging import cut_face_crop
from metrics import ABSTAIN_BELOW
from prepare import read_rgb

HERE = Path(__file__).parent
PLOTTER = HERE.parents[1] / "services" / "plotter_service" / "src" / "plotter_service"
VARIANTS = ("open", "research")
BAND_YEARS, BANDS = 10, 8
UNKNOWN = 2  # beside woman and man

Counts = npt.NDArray[np.int64]


def main() -> None:
    args = _arguments()
    samples = [sample for name in SOURCES for sample in _chosen(args.data, name, args.faces)]
    paths = [str(args.data / sample.path) for sample in samples]
    with multiprocessing.Pool(args.processes, load_detector, (str(args.detector),)) as pool:
        crops = pool.map(_crop, paths, chunksize=32)
    for variant in args.variants:
        session = session_of(HERE / variant / GRAPH)
        said = [run(session, np.stack(crops[at : at + 16])) for at in range(0, len(crops), 16)]
        ages, genders = (np.concatenate([one[head] for one in said]) for head in (0, 1))
        document = {
            "weights_sha256": sha256_of(HERE / variant / GRAPH),
            "band_years": BAND_YEARS,
            "true_genders": ["female", "male"],
            "said_genders": ["female", "male", "unknown"],
            "counts": confusion(samples, ages, genders).tolist(),
        }
        path = PLOTTER / f"confusion_{variant}.json"
        path.write_text(json.dumps(document) + "\n")
        print(f"{variant}: {len(samples)} faces, wrote {path}", flush=True)


def confusion(
    samples: Sequence[Sample], ages: npt.NDArray[np.float64], genders: npt.NDArray[np.float64]
) -> Counts:
    """Faces by true gender and band, and by the gender and band that are said: `(2, 8, 3, 8)`."""
    counts = np.zeros((2, BANDS, 3, BANDS), np.int64)
    years = np.rint(ages @ np.arange(ages.shape[1]))
    said = np.where(genders.max(1) < ABSTAIN_BELOW, UNKNOWN, genders.argmax(1))
    for sample, year, gender in zip(samples, years, said, strict=True):
        counts[sample.gender, _band(sample.age_low), gender, _band(year)] += 1
    return counts


def _band(years: float) -> int:
    return min(int(years) // BAND_YEARS, BANDS - 1)


def _chosen(data: Path, source: str, faces: int) -> list[Sample]:
    """Evenly out of the report part of a set."""
    part = [one for one in list_samples(data) if one.source == source and one.split == REPORT]
    return part[:: max(1, len(part) // faces)]


def _crop(path: str) -> npt.NDArray[np.uint8]:
    box, eyes, _ = locate_face(path)
    points = () if np.isnan(eyes[0]) else (Point(eyes[0], eyes[1]), Point(eyes[2], eyes[3]))
    return cut_face_crop(read_rgb(Path(path)), BoundingBox(*box), points)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--detector", type=Path, required=True, help="YuNet")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--faces", type=int, default=2400, help="of each set, about")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
