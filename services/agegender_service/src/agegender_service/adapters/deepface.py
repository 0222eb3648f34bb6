"""DeepFace's age and gender models on its onnx backend."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from agegender_service.adapters import vendor
from agegender_service.adapters.joint import JointGraph, OneOutput
from agegender_service.estimate import AGE_CLASSES
from agegender_service.estimator import FaceProbabilities
from agegender_service.face_quality import Cue, Probabilities
from agegender_service.weights import AGE_FILE, GENDER_FILE, Weights
from facepipe.domain.analysis import ModelInfo
from facepipe.domain.errors import ModelError
from facepipe.domain.geometry import FACE_CROP_SIZE
from facepipe.files.image_store import FaceCrops
from facepipe.system.devices import check_device, execution_providers

# The outputs of a joint graph.
AGES, GENDERS, QUALITY_CUES = "ages", "genders", "quality_cues"
_GENDERS = 2
# 8-bit samples as DeepFace scales them: divided in double, kept in single precision.
_SCALED = (np.arange(256) / 255).astype(np.float32)
_LOG_ERRORS_ONLY = 3
# How far off 1 the sum of probabilities may be.
_ROUNDING = 1e-2


class DeepFaceAgeGenderEstimator:
    """An `AgeGenderEstimator` on any ONNX files with DeepFace's signature, or on a joint one.

    DeepFace builds its clients and runs their sessions. The sessions are ours: its own take
    all the threads of the machine, whatever the container may use. DeepFace's `analyze` takes
    one face at a time and keeps only the expected age, so its sessions are asked directly.
    Of a joint graph each client has one answer, and it runs once.

    Args:
        weights: verified.
        threads: that one inference may use, at least 1.
        batch_size: faces at a time; it bounds memory.
        device: "cpu" or "cuda".

    Raises:
        ModelError: the files are no ONNX models, or have another signature.
    """

    def __init__(
        self, weights: Weights, threads: int, batch_size: int = 16, device: str = "cpu"
    ) -> None:
        self._weights = weights
        self._batch_size = batch_size
        self._joint: JointGraph | None = None
        with tempfile.TemporaryDirectory(prefix="deepface-") as home:
            _make_home(Path(home), weights)
            self._age = _build_client("Age", weights.age.path)
            self._gender = _build_client("Gender", weights.gender.path)
        if weights.are_joint:
            self._joint = _joint_graph(weights.age.path, threads, device)
            self._age.model = OneOutput(self._joint, AGES)
            self._gender.model = OneOutput(self._joint, GENDERS)
        else:
            self._age.model = _session(weights.age.path, threads, device)
            self._gender.model = _session(weights.gender.path, threads, device)
        side = FACE_CROP_SIZE
        self.predict(np.zeros((2, side, side, 3), np.uint8))  # checks the signature, warms up

    @property
    def model(self) -> ModelInfo:
        return self._weights.info

    def predict(self, crops_rgb: FaceCrops) -> FaceProbabilities:
        """All faces of an image in one batch, or in a few when there are more than fit.

        Args:
            crops_rgb: shape `(n, 224, 224, 3)`, uint8, RGB.

        Raises:
            ModelError: the model failed, or answered what is no distribution.
        """
        size = self._batch_size
        batches = [
            prepare(crops_rgb[start : start + size]) for start in range(0, len(crops_rgb), size)
        ]
        ages, genders, cues = [], [], []
        for batch in batches:
            ages.append(_run(self._age, batch, AGE_CLASSES))
            genders.append(_run(self._gender, batch, _GENDERS))
            if self._joint is not None:
                cues.append(self._joint.answer(QUALITY_CUES, batch))
        if self._joint is not None:
            self._joint.forget()
        return FaceProbabilities(
            _joined(ages, AGE_CLASSES),
            _joined(genders, _GENDERS),
            _joined(cues, len(Cue)) if self._joint is not None else None,
        )


def prepare(crops_rgb: FaceCrops) -> npt.NDArray[np.float32]:
    """Face crops as DeepFace feeds them: BGR, 0-1, float32, channels last.

    DeepFace would fit other sizes into 224 x 224 with black bars; crops have that size.

    Args:
        crops_rgb: shape `(n, 224, 224, 3)`, uint8, RGB.

    Returns:
        the same shape, float32.
    """
    side = FACE_CROP_SIZE
    if crops_rgb.ndim != 4 or crops_rgb.shape[1:] != (side, side, 3):
        raise ModelError(f"face crops have shape (n, {side}, {side}, 3), not {crops_rgb.shape}")
    return _SCALED[crops_rgb[..., ::-1]]


def _make_home(home: Path, weights: Weights) -> None:
    """Lays the files out as DeepFace looks for them, and points it there."""
    folder = home / ".deepface" / "weights"
    folder.mkdir(parents=True)
    for name, model in ((AGE_FILE, weights.age), (GENDER_FILE, weights.gender)):
        if model.path is None:
            raise ModelError(f"{model.name} has no file")
        (folder / name).symlink_to(model.path.resolve())
    os.environ["DEEPFACE_HOME"] = str(home)


def _build_client(model_name: str, path: Path | None) -> Any:
    try:
        client = vendor.build_client(model_name)
    except Exception as error:  # DeepFace raises what it likes
        raise ModelError(f"{path} cannot be loaded: {error}") from error
    client.model = None  # frees DeepFace's session before ours takes the same memory
    return client


def _joint_graph(path: Path | None, threads: int, device: str) -> JointGraph:
    graph = JointGraph(_session(path, threads, device))
    if missing := {AGES, GENDERS, QUALITY_CUES} - set(graph.outputs):
        raise ModelError(f"{path} has no output {' and '.join(sorted(missing))}")
    return graph


def _session(path: Path | None, threads: int, device: str) -> ort.InferenceSession:
    providers = execution_providers(device, ort.get_available_providers())
    try:
        session = ort.InferenceSession(str(path), _options(threads), providers=providers)
    except Exception as error:  # onnxruntime, too
        raise ModelError(f"{path} cannot be loaded: {error}") from error
    check_device(device, session.get_providers())
    return session


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_ERRORS_ONLY
    # Batches differ in size, so a plan of memory for one of them helps none of the others.
    options.enable_mem_pattern = False
    # Other stages need the cores while this one waits.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _run(client: Any, batch: npt.NDArray[np.float32], classes: int) -> Probabilities:
    try:
        output = np.asarray(vendor.run_session(client.model, batch), dtype=np.float32)
    except Exception as error:
        raise ModelError(f"DeepFace's {client.model_name} model failed: {error}") from error
    if output.shape != (len(batch), classes):
        raise ModelError(
            f"DeepFace's {client.model_name} model answers with shape {output.shape}, "
            f"expected {(len(batch), classes)}: these are not its weights"
        )
    if not (abs(output.sum(axis=1) - 1.0) <= _ROUNDING).all() or output.min() < 0:
        raise ModelError(f"DeepFace's {client.model_name} model answers no probabilities")
    return output


def _joined(parts: list[Probabilities], classes: int) -> Probabilities:
    return np.concatenate(parts) if parts else np.empty((0, classes), np.float32)
