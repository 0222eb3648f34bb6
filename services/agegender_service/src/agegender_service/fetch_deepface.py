"""Fetches DeepFace's own weights: `python -m agegender_service.fetch_deepface`.

Both files go to `volumes/models/deepface/`. DeepFace publishes no checksum, so the first
fetch records the one it finds in the model catalogue, and every later fetch and every start
of the service must find the same. Run it again after an interruption: it goes on where it
stopped.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort

from agegender_service import download
from agegender_service.estimate import AGE_CLASSES
from agegender_service.settings import AgeGenderServiceSettings
from agegender_service.weights import AGE_FILE, GENDER_FILE, deepface_folder
from facepipe.domain.errors import FacepipeError, ModelCorruptError, ServiceUnavailableError
from facepipe.files.models import ModelFile, read_model, record_path, sha256_of, write_record
from facepipe.files.store.folder import make_folder

_SOURCES = (
    "https://github.com/serengil/deepface_models/releases/download/v1.0/",
    "https://huggingface.co/serengil/deepface/resolve/main/",
)


_LICENCE = "not stated; trained from VGG-Face, which is for non-commercial research"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file: its name here, what it is called in results, and how many classes it tells."""

    file: str
    name: str
    classes: int
    urls: tuple[str, ...]


def wanted(sources: Sequence[str] = _SOURCES) -> tuple[Wanted, ...]:
    """DeepFace's two files, to be had below each of `sources`."""
    return tuple(
        Wanted(file, name, classes, tuple(source + file for source in sources))
        for file, name, classes in (
            (AGE_FILE, "deepface-age-vgg-face-1.0", AGE_CLASSES),
            (GENDER_FILE, "deepface-gender-vgg-face-1.0", 2),
        )
    )


def fetch(
    item: Wanted, folder: Path, *, pauses_s: Sequence[float] = download.PAUSES_S
) -> ModelFile:
    """Fetches one file, or finds it there intact.

    Raises:
        ServiceUnavailableError: it could not be had; what has arrived is kept.
        StorageFullError: there is no room.
        ModelCorruptError: the file is not the recorded one, or is no model at all.
    """
    path = folder / item.file
    if path.exists():
        model = read_model(path)
        print(f"{item.file}: already here, sha256 {model.sha256}")
        return model if record_path(path).exists() else _recorded(item, path, path)
    part = path.with_name(f"{path.name}.part")
    download.download(item.urls, part, ProgressLine(item.file), pauses_s=pauses_s)
    try:
        model = _recorded(item, part, path)
    except ModelCorruptError:
        download.discard(part)
        raise
    # The record is there before the file: nobody can find the file without its checksum.
    part.replace(path)
    _sync(folder)
    print(f"{item.file}: sha256 {model.sha256}")
    return model


def _recorded(item: Wanted, found: Path, path: Path) -> ModelFile:
    """Checks a file against the record of `path`, or writes that record the first time."""
    _check_signature(found, item.classes)
    if record_path(path).exists():
        return _expected(path).at(found)
    model = ModelFile(item.name, path, sha256_of(found), _LICENCE, item.urls[0])
    write_record(model)
    return model


def _expected(path: Path) -> ModelFile:
    """What the record says; unlike `read_model`, the file itself may be still missing."""
    values: dict[str, Any] = json.loads(record_path(path).read_text("utf-8"))
    return ModelFile(
        str(values["name"]), None, str(values["sha256"]), values["licence"], values["source"]
    )


def _check_signature(path: Path, classes: int) -> None:
    """An error page, or another model, must not become the recorded truth."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        inputs, outputs = session.get_inputs(), session.get_outputs()
        input_shape, output_shape = inputs[0].shape, outputs[0].shape
    except Exception as error:  # onnxruntime raises what it likes
        raise ModelCorruptError(f"{path.name} is no ONNX model: {error}") from error
    if list(input_shape[1:]) != [224, 224, 3] or output_shape[-1] != classes:
        raise ModelCorruptError(
            f"{path.name} takes {input_shape} and tells {output_shape}; expected "
            f"(n, 224, 224, 3) and (n, {classes})"
        )


class ProgressLine:
    """Shows how far a download is: a line that moves on a terminal, else one line a tenth."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begin = time.monotonic()
        self._first: int | None = None
        self._shown_at = 0.0
        self._tenth = -1

    def __call__(self, have: int, total: int | None) -> None:
        now = time.monotonic()
        self._first = have if self._first is None else self._first
        rate = (have - self._first) / 2**20 / max(now - self._begin, 1e-3)
        text = f"{self._name}: {have / 2**20:.0f} MiB"
        if total:
            text += f" of {total / 2**20:.0f} ({100 * have // total} %)"
        text += f", {rate:.1f} MiB/s"
        is_last = have == total
        if sys.stderr.isatty():
            if is_last or now > self._shown_at + 0.2:
                self._shown_at = now
                print(f"\r\x1b[K{text}", end="\n" if is_last else "", file=sys.stderr, flush=True)
        elif total and 10 * have // total != self._tenth:
            self._tenth = 10 * have // total
            print(text, file=sys.stderr, flush=True)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Two fetches at a time would write into the same file."""
    with (folder / ".fetch.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceUnavailableError("another fetch is running already") from error
        yield


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main() -> int:
    folder = deepface_folder(AgeGenderServiceSettings())
    make_folder(folder)
    try:
        with _only_one(folder):
            for item in wanted():
                fetch(item, folder)
    except FacepipeError as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; run it again to go on", file=sys.stderr)
        return 130
    print(f"DeepFace's weights are in {folder}; FACEPIPE_AGEGENDER_WEIGHTS=deepface uses them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
