from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from facepipe.domain.errors import ModelCorruptError, ModelNotFoundError
from facepipe.files.models import (
    BUNDLED,
    ModelFile,
    project_models_dir,
    read_model,
    record_path,
    sha256_of,
    verify,
    write_record,
)
from facepipe.system.settings import Settings

WEIGHTS = b"pretend these are weights"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(WEIGHTS)
    return path


def test_an_intact_file_passes(weights: Path) -> None:
    verify(weights, SHA256)
    verify(weights, SHA256.upper())


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"nowhere\.onnx"):
        verify(tmp_path / "nowhere.onnx", SHA256)


def test_a_changed_file_is_corrupt_although_it_was_right_before(weights: Path) -> None:
    # Given a file that was found right, so that its checksum is cached
    verify(weights, SHA256)
    # When a byte of it changes, size unchanged
    weights.write_bytes(b"P" + WEIGHTS[1:])
    os.utime(weights, ns=(1, 1))
    # Then it is not trusted any more
    with pytest.raises(ModelCorruptError, match=SHA256):
        verify(weights, SHA256)


def test_a_checksum_is_computed_once(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = sha256_of(weights)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("the file was read again"))
    assert sha256_of(weights) == first == SHA256


def test_a_file_without_a_record_goes_by_its_own_name(weights: Path) -> None:
    model = read_model(weights)
    assert (model.name, model.sha256, model.licence) == ("model.onnx", SHA256, "unknown")
    assert model.info.sha256 == SHA256


def test_a_record_is_read_back(weights: Path) -> None:
    model = ModelFile("own-detector", weights, SHA256, "AGPL-3.0-only", "trained here")
    assert write_record(model) == record_path(weights)
    assert read_model(weights) == model


def test_a_file_that_is_not_the_recorded_one_is_corrupt(weights: Path) -> None:
    write_record(ModelFile("own-detector", weights, "0" * 64, "AGPL-3.0-only", "trained here"))
    with pytest.raises(ModelCorruptError, match=r"model\.onnx\.json"):
        read_model(weights)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x"}', "\x00"])
def test_a_broken_record_is_an_error_not_a_guess(weights: Path, text: str) -> None:
    record_path(weights).write_text(text)
    with pytest.raises(ModelCorruptError, match="record"):
        read_model(weights)


def test_a_record_needs_a_place() -> None:
    with pytest.raises(ValueError, match="no path"):
        write_record(BUNDLED[0])


def test_the_projects_weights_are_in_the_checkout_unless_told_otherwise(tmp_path: Path) -> None:
    assert project_models_dir(Settings(model_dir=tmp_path)) == tmp_path
    default = project_models_dir(Settings())
    assert (default.name, default.parent / "shared") == ("models", Path(__file__).parents[1])


def test_the_catalogue_is_complete() -> None:
    for model in BUNDLED:
        assert len(model.sha256) == 64
        assert model.licence == "Apache-2.0"
        assert model.source
