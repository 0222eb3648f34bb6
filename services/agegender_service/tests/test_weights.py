from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agegender_service.app import weights_problem
from agegender_service.load_models import load_estimator
from agegender_service.settings import AgeGenderServiceSettings, WeightsChoice
from agegender_service.weights import (
    AGE_FILE,
    JOINT_FILE,
    Weights,
    find_weights,
    weights_folder,
)
from facepipe.domain.errors import ModelCorruptError, ModelNotFoundError


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AgeGenderServiceSettings:
    monkeypatch.setenv("FACEPIPE_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("FACEPIPE_VOLUMES_ROOT", str(tmp_path / "volumes"))
    return AgeGenderServiceSettings()


@pytest.mark.parametrize(
    ("choice", "folder"),
    [
        (None, "models/age_gender/open"),
        ("open", "models/age_gender/open"),
        ("research", "models/age_gender/research"),
    ],
)
@pytest.mark.usefixtures("settings")
def test_a_graph_with_both_answers_comes_before_two(
    choice: str | None,
    folder: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_joint: Callable[..., Weights],
    tiny_weights: Callable[..., Weights],
) -> None:
    # given
    tiny_weights(tmp_path / folder)
    tiny_joint(tmp_path / folder)
    if choice:
        monkeypatch.setenv("FACEPIPE_AGEGENDER_WEIGHTS", choice)

    # when
    weights = find_weights(AgeGenderServiceSettings())

    # then
    assert weights.are_joint
    assert weights.age.path == tmp_path / folder / JOINT_FILE
    assert weights.info.sha256 == weights.age.sha256


@pytest.mark.usefixtures("settings")
def test_deepfaces_and_a_users_are_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_weights: Callable[..., Weights]
) -> None:
    tiny_weights(tmp_path / "volumes/models/deepface")
    monkeypatch.setenv("FACEPIPE_AGEGENDER_WEIGHTS", "deepface")

    weights = find_weights(AgeGenderServiceSettings())

    assert not weights.are_joint
    assert weights.age.path == tmp_path / "volumes/models/deepface" / AGE_FILE
    assert weights.info.sha256 == f"{weights.age.sha256}+{weights.gender.sha256}"


@pytest.mark.parametrize(
    ("choice", "says"), [("project", "`research` now"), ("mine", "choose one of")]
)
def test_a_choice_that_is_none_is_refused_with_those_that_are(
    choice: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEPIPE_AGEGENDER_WEIGHTS", choice)
    with pytest.raises(ValueError, match=f"{says}.*open, research, deepface, none"):
        AgeGenderServiceSettings()


@pytest.mark.parametrize(
    ("choice", "advice"), [("open", "FACEPIPE_MODEL_DIR"), ("deepface", "make fetch-deepface")]
)
def test_missing_weights_say_what_to_do(
    choice: str, advice: str, settings: AgeGenderServiceSettings
) -> None:
    settings.agegender.weights = WeightsChoice(choice)
    with pytest.raises(ModelNotFoundError, match=advice):
        find_weights(settings)
    problem = weights_problem(settings) or ""
    assert advice in problem
    expected = AGE_FILE if choice == "deepface" else JOINT_FILE
    assert str(weights_folder(settings) / expected) in problem


@pytest.mark.parametrize("name", ["age_model_weights.onnx", "age_model_weights.onnx.json"])
def test_the_projects_weights_are_nothing_without_both_files_and_records(
    name: str,
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
    tmp_path: Path, settings: AgeGenderServiceSettings, tiny_joint: Callable[..., Weights]
) -> None:
    # given
    weights = tiny_joint(tmp_path / "models/age_gender/open")
    assert find_weights(settings) == weights

    # when
    assert weights.age.path is not None
    weights.age.path.write_bytes(weights.age.path.read_bytes()[:-1] + b"\0")

    # then
    with pytest.raises(ModelCorruptError, match=weights.age.sha256):
        find_weights(settings)
    assert "sha256" in (weights_problem(settings) or "")
