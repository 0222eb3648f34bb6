"""The model catalogue: which weights there are, whose they are, and whether they are intact.

Weights are described in one of two places. Files that come inside a package are listed in
`BUNDLED` below. Every other file may have a record beside it, `<file>.json`, with its name,
sha256, licence and source: the project's own weights and fetched ones have one, a user's own
file need not. What has a known checksum is checked against it before it is loaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import facepipe
from facepipe.domain.analysis import ModelInfo
from facepipe.domain.errors import ModelCorruptError, ModelNotFoundError
from facepipe.system.settings import Settings

UNKNOWN = "unknown"
_RECORD_KEYS = ("name", "sha256", "licence", "source")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of weights.

    Attributes:
        name: what logs and results call it.
        path: where it is; None while it is only known of.
        sha256: of the file, in hex.
        licence: of the weights, as an SPDX identifier where there is one.
        source: where it comes from.
    """

    name: str
    path: Path | None
    sha256: str
    licence: str
    source: str

    @property
    def info(self) -> ModelInfo:
        """As it stands in the result document."""
        return ModelInfo(name=self.name, sha256=self.sha256)

    def at(self, path: Path) -> ModelFile:
        """The same weights found at `path`, verified.

        Raises:
            ModelNotFoundError: there is no such file.
            ModelCorruptError: the file has another checksum.
        """
        verify(path, self.sha256)
        return ModelFile(self.name, path, self.sha256, self.licence, self.source)


_MEDIAPIPE = "mediapipe 0.10.21 (Google), inside its wheel"

BLAZEFACE_FULL_RANGE = ModelFile(
    name="mediapipe-blazeface-full-range-0.10.21",
    path=None,
    sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    licence="Apache-2.0",
    source=_MEDIAPIPE,
)
FACE_MESH_WITH_ATTENTION = ModelFile(
    name="mediapipe-face-mesh-attention-0.10.21",
    path=None,
    sha256="e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
    licence="Apache-2.0",
    source=_MEDIAPIPE,
)
BUNDLED = (BLAZEFACE_FULL_RANGE, FACE_MESH_WITH_ATTENTION)


def project_models_dir(settings: Settings) -> Path:
    """The folder of the weights that the project trained itself, `models/` of the checkout.

    Images have the layout of the checkout. `FACEPIPE_MODEL_DIR` names another folder.
    """
    if settings.model_dir is not None:
        return settings.model_dir
    return Path(facepipe.__file__).resolve().parents[3] / "models"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hex; computed once while its time and size stay the same.

    Raises:
        ModelNotFoundError: there is no such file, or it cannot be read.
    """
    try:
        status = path.stat()
        return _sha256(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise ModelNotFoundError(f"{path} cannot be read: {error.strerror}") from error


def verify(path: Path, sha256: str) -> None:
    """Checks that a file is there and is the one that is meant.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelCorruptError: the file has another checksum.
    """
    found = sha256_of(path)
    if found != sha256.lower():
        raise ModelCorruptError(
            f"{path} has sha256 {found}, expected {sha256.lower()}: fetch it again, or remove "
            f"{record_path(path).name} beside it if the file was replaced on purpose"
        )


def record_path(path: Path) -> Path:
    """Where the record of a file of weights is kept."""
    return path.with_name(f"{path.name}.json")


def read_model(path: Path) -> ModelFile:
    """The weights at `path`: as their record says, verified, or without one as they are.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelCorruptError: the file does not match its record, or the record is broken.
    """
    if record_path(path).exists():
        return read_recorded_model(path)
    return ModelFile(path.name, path, sha256_of(path), UNKNOWN, UNKNOWN)


def read_recorded_model(path: Path) -> ModelFile:
    """The weights at `path`, which must have a record: the project's own do.

    Raises:
        ModelNotFoundError: there is no such file, or no record of it.
        ModelCorruptError: the file does not match its record, or the record is broken.
    """
    record = record_path(path)
    if not record.exists():
        raise ModelNotFoundError(f"{record} is missing: nothing says what {path.name} has to be")
    try:
        values = json.loads(record.read_text("utf-8"))
        name, sha256, licence, source = (str(values[key]) for key in _RECORD_KEYS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        keys = ", ".join(_RECORD_KEYS)
        raise ModelCorruptError(f"{record} is no model record with {keys}: {error}") from error
    return ModelFile(name, None, sha256.lower(), licence, source).at(path)


def write_record(model: ModelFile) -> Path:
    """Writes the record of a file beside it, and returns the record's path.

    Raises:
        ValueError: the model has no path.
    """
    if model.path is None:
        raise ValueError(f"{model.name} has no path, so there is nothing to stand beside")
    record = record_path(model.path)
    values = {key: getattr(model, key) for key in _RECORD_KEYS}
    aside = record.with_name(f"{record.name}.tmp")
    aside.write_text(json.dumps(values, indent=2) + "\n", "utf-8")
    aside.replace(record)
    return record


@lru_cache(maxsize=64)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    # Time and size are part of the cache's key: a changed file is read again.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
