"""DeepFace itself, with the project's weights, on portraits of known age and gender.

Faces are found, cut and handed over as landmark_service and agegender_service do; then
`DeepFace.analyze` runs as it comes, in a process of its own.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from agegender_service.pipeline import cut_crops
from agegender_service.settings import AgeGenderServiceSettings
from agegender_service.weights import AGE_FILE, GENDER_FILE, find_weights
from facepipe.files.decoding import decode
from facepipe.files.image_store import FaceCrops
from landmark_service.load_models import load_pipeline
from landmark_service.settings import LandmarkSettings

LEAST_GENDERS_RIGHT, MOST_MEAN_ERROR = 18, 7.0

_ANALYZE = """
import json, sys, types
sys.modules["gdown"] = types.ModuleType("gdown")
import numpy as np
from deepface import DeepFace
found = [
    DeepFace.analyze(
        np.ascontiguousarray(crop[..., ::-1]), actions=["age", "gender"],
        detector_backend="skip", enforce_detection=False, silent=True,
    )[0]
    for crop in np.load(sys.argv[1])
]
print("FOUND" + json.dumps([[one["age"], one["dominant_gender"]] for one in found], default=int))
"""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> LandmarkSettings:
    """As they are where nothing is set."""
    for name in [name for name in os.environ if name.startswith(("FACEPIPE_DET", "FACEPIPE_AGE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FACEPIPE_VOLUMES_ROOT", "no-such-folder")  # no model of the user's own
    return LandmarkSettings()


def test_deepface_tells_the_gender_of_18_of_20_portraits_and_is_7_years_off_at_most(
    settings: LandmarkSettings, portraits: list[Path], tmp_path: Path
) -> None:
    # Given the labelled portraits, their faces found and cut by the pipeline
    with (portraits[0].parent / "labels.csv").open(newline="") as lines:
        labels = {row["file"]: row for row in csv.DictReader(lines)}
    assert len(labels) == len(portraits) == 20
    crops = _crops(portraits, settings)

    # When DeepFace looks at them with the default weights
    said = _analyzed(crops, tmp_path)

    # Then it tells age and gender as well as was asked for
    truth = [labels[path.name] for path in portraits]
    right = sum(
        (gender == "Man") == (row["gender"] == "male")
        for (_, gender), row in zip(said, truth, strict=True)
    )
    off = [abs(age - float(row["age_years"])) for (age, _), row in zip(said, truth, strict=True)]
    assert right >= LEAST_GENDERS_RIGHT
    assert np.mean(off) <= MOST_MEAN_ERROR


def save_with_first_output(path: Path, into: Path, output: str) -> None:
    """The graph as DeepFace alone can read it: it takes the first output for the answer."""
    model = onnx.load(path)
    outputs = sorted(model.graph.output, key=lambda value: value.name != output)
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnx.save(model, into)


def _crops(portraits: list[Path], settings: LandmarkSettings) -> FaceCrops:
    pipeline = load_pipeline(settings)
    crops = []
    for path in portraits:
        image = decode(path.read_bytes()).rgb
        faces = pipeline.find_landmarks(image, pipeline.detect(image)[:1]).faces
        crops.append(cut_crops(image, faces))
    return np.concatenate(crops)


def _analyzed(crops: FaceCrops, folder: Path) -> list[tuple[float, str]]:
    """Age and gender of each crop by `DeepFace.analyze`."""
    weights = find_weights(AgeGenderServiceSettings())
    home = folder / ".deepface" / "weights"
    home.mkdir(parents=True)
    answers = ((AGE_FILE, weights.age, "ages"), (GENDER_FILE, weights.gender, "genders"))
    for name, model, output in answers:
        assert model.path is not None
        if weights.are_joint:
            save_with_first_output(model.path, home / name, output)
        else:
            (home / name).symlink_to(model.path.resolve())
    np.save(folder / "crops.npy", crops)
    process = subprocess.run(
        [sys.executable, "-c", _ANALYZE, str(folder / "crops.npy")],
        env=os.environ | {"DEEPFACE_HOME": str(folder), "DEEPFACE_BACKEND_ENGINE": "onnx"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout.rpartition("FOUND")[2])
    return [(float(age), str(gender)) for age, gender in found]
