from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agegender_service.app import weights_problem
from agegender_service.load_models import load_estimator
from agegender_service.settings import AgeGenderServiceSettings, WeightsChoice
from agegender_service.weights import AGE_FILE, Weights, find_weights, weights_folder
from facepipe.errors import ModelCorruptError, ModelNotFoundError


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AgeGenderServiceSettings:
    monkeypatch.setenv("FACEPIPE_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("FACEPIPE_VOLUMES_ROOT", str(tmp_path / "volumes"))
    return AgeGenderServiceSettings()


@pytest.mark.parametrize(
    ("choice", "folder"),
    [
        ("project", "models/age_gender/research"),
        ("open", "models/age_gender/open"),
        ("deepface", "volumes/models/deepface"),
    ],
)
def test_setting_chooses_the_folder(
    choice: str,
    folder: str,
    tmp_path: Path,
    settings: AgeGenderServiceSettings,
    monkeypatch: pytest.MonkeyPatch,
    tiny_weights: Callable[..., Weights],
) -> None:
    # given
    tiny_weights(tmp_path / folder)
    monkeypatch.setenv("FACEPIPE_AGEGENDER_WEIGHTS", choice)

    # when
    weights = find_weights(AgeGenderServiceSettings())

    # then
    assert weights.age.path == tmp_path / folder / AGE_FILE
    assert weights.info.sha256 == f"{weights.age.sha256}+{weights.gender.sha256}"


@pytest.mark.parametrize(
    ("choice", "advice"), [("project", "FACEPIPE_MODEL_DIR"), ("deepface", "make fetch-deepface")]
)
def test_missing_weights_say_what_to_do(
    choice: WeightsChoice, advice: str, settings: AgeGenderServiceSettings
) -> None:
    settings.agegender.weights = WeightsChoice(choice)
    with pytest.raises(ModelNotFoundError, match=advice):
        find_weights(settings)
    problem = weights_problem(settings) or ""
    assert advice in problem
    assert str(weights_folder(settings) / AGE_FILE) in problem


@pytest.mark.parametrize("name", ["age_model_weights.onnx", "age_model_weights.onnx.json"])
def test_the_projects_weights_are_nothing_without_both_files_and_records(
    name: str,
    tmp_path: Path,
    settings: AgeGenderServiceSettings,
    tiny_weights: Callable[..., Weights],
) -> None:
    folder = weights_folder(settings)
    tiny_weights(folder)
    assert weights_problem(settings) is None

    (folder / name).unlink()

    with pytest.raises(ModelNotFoundError, match=name):
        find_weights(settings)
    assert str(folder / name) in (weights_problem(settings) or "")


def test_no_weights_are_missed_where_none_are_wanted(settings: AgeGenderServiceSettings) -> None:
    settings.agegender.weights = WeightsChoice.NONE
    assert weights_problem(settings) is None
    assert load_estimator(settings) is None


def test_a_changed_file_is_refused(
    tmp_path: Path, settings: AgeGenderServiceSettings, tiny_weights: Callable[..., Weights]
) -> None:
    # given
    weights = tiny_weights(tmp_path / "models/age_gender/research")
    assert find_weights(settings) == weights

    # when
    assert weights.age.path is not None
    weights.age.path.write_bytes(weights.age.path.read_bytes()[:-1] + b"\0")

    # then
    with pytest.raises(ModelCorruptError, match=weights.age.sha256):
        find_weights(settings)
    assert "sha256" in (weights_problem(settings) or "")
