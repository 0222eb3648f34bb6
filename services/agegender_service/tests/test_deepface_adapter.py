from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from agegender_service.adapters.deepface import (
    AGES,
    GENDERS,
    DeepFaceAgeGenderEstimator,
    prepare,
)
from agegender_service.adapters.joint import JointGraph
from agegender_service.estimate import expected_age
from agegender_service.settings import AgeGenderServiceSettings, WeightsChoice
from agegender_service.weights import AGE_FILE, GENDER_FILE, Weights, find_weights
from facepipe.domain.errors import ModelError, ModelNotFoundError
from facepipe.files.models import read_model

from .tiny_models import expected_output, save_with_first_output, some_crops

TinyWeights = Callable[..., Weights]

# DeepFace as it comes, in a process of its own: other sessions, its own preparation.
_ANALYZE = """
import json, sys, types
sys.modules["gdown"] = types.ModuleType("gdown")
import numpy as np
from deepface import DeepFace
crops_rgb = np.load(sys.argv[1])
found = [
    DeepFace.analyze(
        np.ascontiguousarray(crop[..., ::-1]), actions=["age", "gender"],
        detector_backend="skip", enforce_detection=False, silent=True,
    )[0]
    for crop in crops_rgb
]
print("FOUND" + json.dumps([[f["age"], f["gender"]["Woman"], f["gender"]["Man"]] for f in found],
                           default=float))
"""


def analyzed(weights: Weights, crops_rgb: npt.NDArray[np.uint8], folder: Path) -> list[list[float]]:
    """Age (truncated) and the percentages of Woman and Man by `DeepFace.analyze`."""
    home = folder / "home" / ".deepface" / "weights"
    home.mkdir(parents=True)
    for name, model, output in (
        (AGE_FILE, weights.age, AGES),
        (GENDER_FILE, weights.gender, GENDERS),
    ):
        assert model.path is not None
        if weights.are_joint:
            save_with_first_output(model.path, home / name, output)
        else:
            (home / name).symlink_to(model.path.resolve())
    np.save(folder / "crops.npy", crops_rgb)
    process = subprocess.run(
        [sys.executable, "-c", _ANALYZE, str(folder / "crops.npy")],
        env=os.environ | {"DEEPFACE_HOME": str(folder / "home"), "DEEPFACE_BACKEND_ENGINE": "onnx"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found: list[list[float]] = json.loads(process.stdout.rpartition("FOUND")[2])
    return found


def assert_parity(weights: Weights, crops_rgb: npt.NDArray[np.uint8], folder: Path) -> None:
    found = analyzed(weights, crops_rgb, folder)
    ours = DeepFaceAgeGenderEstimator(weights, threads=1).predict(crops_rgb)
    for (age, woman, man), ages, genders in zip(found, ours.age, ours.gender, strict=True):
        exact = expected_age(ages)
        assert age in (int(exact - 1e-3), int(exact + 1e-3))  # analyze truncates
        assert genders * 100 == pytest.approx([woman, man], abs=1e-3)


def test_a_batch_gives_each_face_its_own_distribution(tiny_weights: TinyWeights) -> None:
    # given
    crops = some_crops(5)

    # when
    found = DeepFaceAgeGenderEstimator(tiny_weights(), threads=1).predict(crops)

    # then
    np.testing.assert_allclose(found.age, expected_output(crops, 101, seed=1), atol=2e-4)
    np.testing.assert_allclose(found.gender, expected_output(crops, 2, seed=2), atol=2e-4)


def test_more_faces_than_a_batch_come_out_in_order(tiny_weights: TinyWeights) -> None:
    crops = some_crops(7)
    estimator = DeepFaceAgeGenderEstimator(tiny_weights(), threads=1, batch_size=3)
    np.testing.assert_allclose(
        estimator.predict(crops).age, expected_output(crops, 101, seed=1), atol=2e-4
    )


def test_no_face_is_an_empty_answer(tiny_weights: TinyWeights) -> None:
    found = DeepFaceAgeGenderEstimator(tiny_weights(), threads=1).predict(some_crops(0))
    assert found.age.shape == (0, 101)
    assert found.gender.shape == (0, 2)


def test_read_only_crops_are_taken(tiny_weights: TinyWeights) -> None:
    crops = some_crops(1)
    crops.flags.writeable = False
    assert len(DeepFaceAgeGenderEstimator(tiny_weights(), threads=1).predict(crops).age) == 1


def test_two_estimators_do_not_share_sessions(tiny_weights: TinyWeights, tmp_path: Path) -> None:
    first = DeepFaceAgeGenderEstimator(tiny_weights(), threads=1)
    second = DeepFaceAgeGenderEstimator(tiny_weights(tmp_path / "other"), threads=2)
    crops = some_crops(2)
    np.testing.assert_array_equal(first.predict(crops).age, second.predict(crops).age)
    assert first._age.model is not second._age.model
    assert first._age.model.get_session_options().intra_op_num_threads == 1
    assert second._age.model.get_session_options().intra_op_num_threads == 2


@pytest.mark.parametrize(("age_classes", "genders"), [(100, 2), (101, 3)])
def test_another_signature_is_refused(
    tiny_weights: TinyWeights, age_classes: int, genders: int
) -> None:
    weights = tiny_weights(age_classes=age_classes, genders=genders)
    with pytest.raises(ModelError, match="not its weights"):
        DeepFaceAgeGenderEstimator(weights, threads=1)


def test_what_is_no_model_is_refused(tmp_path: Path, tiny_weights: TinyWeights) -> None:
    weights = tiny_weights()
    page = tmp_path / "page.onnx"
    page.write_text("<html>Not Found</html>")
    with pytest.raises(ModelError, match=r"page\.onnx cannot be loaded"):
        DeepFaceAgeGenderEstimator(Weights(read_model(page), weights.gender), threads=1)


def test_crops_of_another_size_are_refused() -> None:
    with pytest.raises(ModelError, match="224"):
        prepare(np.zeros((1, 100, 224, 3), np.uint8))


def test_a_missing_file_does_not_reach_the_network(
    tiny_weights: TinyWeights, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from agegender_service.adapters import vendor

    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path / "empty"))
    with pytest.raises(ValueError, match="An exception occurred") as caught:
        vendor.build_client("Age")
    assert isinstance(caught.value.__cause__, ModelNotFoundError)


def test_a_joint_graph_answers_everything_and_runs_once_a_batch(
    tiny_joint: TinyWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    estimator = DeepFaceAgeGenderEstimator(tiny_joint(), threads=1, batch_size=3)
    runs: list[int] = []
    run = JointGraph._run

    def counted(graph: JointGraph, batch: npt.NDArray[np.float32]) -> list[Any]:
        runs.append(len(batch))
        return run(graph, batch)

    monkeypatch.setattr(JointGraph, "_run", counted)
    crops = some_crops(5)

    # when
    found = estimator.predict(crops)

    # then
    assert runs == [3, 2]
    assert found.cues is not None
    for seed, answer in enumerate((found.age, found.gender, found.cues), 1):
        expected = expected_output(crops, answer.shape[1], seed)
        np.testing.assert_allclose(answer, expected, atol=2e-4)


def test_a_graph_without_an_answer_is_refused(tiny_joint: TinyWeights) -> None:
    with pytest.raises(ModelError, match=r"age_gender\.onnx has no output quality_cues"):
        DeepFaceAgeGenderEstimator(tiny_joint(outputs={"ages": 101, "genders": 2}), threads=1)


def test_parity_with_deepface_analyze(tiny_weights: TinyWeights, tmp_path: Path) -> None:
    assert_parity(tiny_weights(), some_crops(4), tmp_path)


def test_parity_with_deepface_analyze_of_a_joint_graph(
    tiny_joint: TinyWeights, tmp_path: Path
) -> None:
    assert_parity(tiny_joint(), some_crops(4), tmp_path)


@pytest.mark.parametrize("choice", sorted(set(WeightsChoice) - {WeightsChoice.NONE}))
def test_parity_with_deepface_analyze_on_real_weights(
    choice: WeightsChoice, tmp_path: Path
) -> None:
    settings = AgeGenderServiceSettings()
    settings = settings.model_copy(
        update={"agegender": settings.agegender.model_copy(update={"weights": choice})}
    )
    try:
        weights = find_weights(settings)
    except ModelNotFoundError as error:
        if choice is not WeightsChoice.DEEPFACE:  # the project's own are there
            raise
        pytest.skip(str(error))
    assert_parity(weights, _portraits(), tmp_path)


def _portraits() -> npt.NDArray[np.uint8]:
    folder = Path(os.environ.get("FACEPIPE_TEST_DATA", "../shared")) / "photos" / "london"
    paths = sorted(folder.glob("*.jpg"))[:3]
    if not paths:
        return some_crops(3)
    crops = [Image.open(path).convert("RGB").resize((224, 224)) for path in paths]
    return np.stack([np.asarray(crop) for crop in crops])
