"""Exports a user's `model.pt` to the ONNX file that is served: `make import-model`, once.

Reading a `.pt` file takes Ultralytics and PyTorch, which nothing else here needs. They go into
an environment of their own that may be removed afterwards. A `.pt` file is a program: export
only files from people you trust.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from facepipe.errors import FacepipeError, InvalidRequestError, ModelError, ModelNotFoundError
from facepipe.models import ModelFile, sha256_of, write_record
from landmark_service.adapters.yolov8 import YoloV8FaceDetector
from landmark_service.settings import LandmarkSettings

# protobuf and numpy as everywhere here; onnxslim is what Ultralytics simplifies with.
PACKAGES = ("ultralytics>=8.4,<8.5", "torch", "torchvision", "onnx", "onnxslim", "onnxruntime")
ENVIRONMENT = Path(".venvs/import_model")
_READY = "ready"
_EXPORT = """
import sys
from ultralytics import YOLO
print(YOLO(sys.argv[1]).export(format="onnx", dynamic=True, simplify=True, imgsz=640))
"""


def import_model(settings: LandmarkSettings, environment: Path = ENVIRONMENT) -> Path:
    """Exports `volumes/models/model.pt` to `model.onnx` beside it and checks that it loads.

    Returns:
        the ONNX file.

    Raises:
        ModelNotFoundError: there is no `model.pt`.
        ModelError: it cannot be exported, or is no YOLOv8 detector.
        InvalidRequestError: uv is not on the path.
    """
    weights = settings.volumes.models / "model.pt"
    if not weights.exists():
        raise ModelNotFoundError(f"put your YOLOv8 face model at {weights} first")
    python = prepare_environment(environment)
    # Exported elsewhere: Ultralytics writes beside its input, and a half-made file must not
    # be served.
    aside = environment / "export"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    copy = shutil.copy(weights, aside / weights.name)
    _run([str(python), "-c", _EXPORT, str(copy)], cwd=aside)
    exported = aside / "model.onnx"
    if not exported.exists():
        raise ModelError(f"Ultralytics wrote no ONNX file for {weights}")
    YoloV8FaceDetector(exported, long_side=settings.detector.long_side)
    target = weights.with_suffix(".onnx")
    # Across file systems a move is a copy, so the last step is a rename within the folder.
    arriving = shutil.copy(exported, target.with_suffix(".tmp"))
    Path(arriving).replace(target)
    source = f"exported from {weights.name}, sha256 {sha256_of(weights)}"
    write_record(ModelFile(target.name, target, sha256_of(target), "yours", source))
    shutil.rmtree(aside)
    return target


def prepare_environment(environment: Path) -> Path:
    """The environment's Python; built at the first call."""
    python = environment.resolve() / "bin" / "python"
    if (environment / _READY).exists():
        return python
    uv = shutil.which("uv")
    if uv is None:
        raise InvalidRequestError("uv is not on the path; `make import-model` puts it there")
    index = os.environ.get("FACEPIPE_TORCH_INDEX", "")
    where = f"from {index}" if index else "as the package index has it"
    print(
        f"Ultralytics and PyTorch go into {environment}: about 750 MB with PyTorch for CPUs, "
        f"several GB with CUDA. PyTorch comes {where}; FACEPIPE_TORCH_INDEX=URL names an index "
        "of the CPU build.",
        flush=True,
    )
    _run([uv, "venv", "--clear", "--python", sys.executable, str(environment)])
    arguments = ["--index", index, "--index-strategy", "unsafe-best-match"] if index else []
    _run([uv, "pip", "install", "--python", str(python), *arguments, *PACKAGES])
    (environment / _READY).touch()
    return python


def _run(command: list[str], cwd: Path | None = None) -> None:
    # Nothing is installed behind the user's back, and no usage is reported.
    environment = os.environ | {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
    result = subprocess.run(command, cwd=cwd, env=environment, check=False)  # noqa: S603 - our own arguments
    if result.returncode != 0:
        raise ModelError(f"{Path(command[0]).name} ended with {result.returncode}; see above")


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    try:
        target = import_model(LandmarkSettings())
    except FacepipeError as error:
        print(f"import-model: {error.message}", file=sys.stderr)
        return 1
    print(f"{target} is there, sha256 {sha256_of(target)}. It is used from the next start on.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
