"""Exports a user's `model.pt` to the ONNX file that is served: `make import-model`, once.

Runs where Ultralytics is: in `.venvs/landmark_ultralytics`, which the verb builds, or in the
container `import-model`. A `.pt` file can run code: import only files from people you trust.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from pathlib import Path

from facepipe.domain.errors import FacepipeError, ModelError, ModelNotFoundError
from facepipe.files.models import ModelFile, read_model, sha256_of, write_record
from landmark_service.adapters.ultralytics_model import open_model
from landmark_service.adapters.yolov8 import YoloV8FaceDetector
from landmark_service.settings import LandmarkSettings


def import_model(settings: LandmarkSettings) -> Path:
    """Exports `volumes/models/model.pt` to `model.onnx` beside it and checks that it loads.

    Returns:
        the ONNX file.

    Raises:
        ModelNotFoundError: there is no `model.pt`.
        ModelCorruptError: it is not the recorded one.
        ModelError: it cannot be exported, or is no YOLOv8 detector.
    """
    weights = settings.volumes.models / "model.pt"
    if not weights.exists():
        raise ModelNotFoundError(f"put your YOLOv8 face model at {weights} first")
    model = read_model(weights)
    target = weights.with_suffix(".onnx")
    # Elsewhere: Ultralytics writes beside its input, and a half-made file must not be served.
    with tempfile.TemporaryDirectory() as folder:
        exported = export(Path(shutil.copy(weights, Path(folder) / weights.name)))
        YoloV8FaceDetector(exported, long_side=settings.detector.long_side)
        # Across file systems a move is a copy, so the last step is a rename within the folder.
        Path(shutil.copy(exported, target.with_suffix(".tmp"))).replace(target)
    source = f"exported from {weights.name}, sha256 {model.sha256}"
    write_record(ModelFile(target.name, target, sha256_of(target), model.licence, source))
    return target


def export(weights: Path) -> Path:
    """The ONNX file of a `.pt` file, written beside it by Ultralytics.

    Raises:
        ModelError: it cannot be exported.
    """
    model = open_model(weights)
    try:
        return Path(model.export(format="onnx", dynamic=True, simplify=True, imgsz=640))
    except Exception as error:  # PyTorch's and Ultralytics' errors have no common type
        raise ModelError(f"Ultralytics cannot export {weights.name}: {error}") from error


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    logging.basicConfig(format="%(message)s")
    try:
        target = import_model(LandmarkSettings())
    except FacepipeError as error:
        print(f"import-model: {error.message}", file=sys.stderr)
        return 1
    print(f"{target} is there, sha256 {sha256_of(target)}. It is used from the next start on.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
