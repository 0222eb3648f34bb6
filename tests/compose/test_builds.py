"""An image that could not answer is not built."""

from __future__ import annotations

from pathlib import Path

import pytest

from agegender_service.settings import AgeGenderServiceSettings
from agegender_service.weights import JOINT_FILE, weights_folder
from tests.support.compose_stack import ComposeStack, engine_problem
from tests.support.missing import missing
from tools.paths import ROOT

DETECTOR = Path("models/face_detector/face_detector.onnx")
AGE = (weights_folder(AgeGenderServiceSettings()) / JOINT_FILE).relative_to(ROOT)


@pytest.fixture
def files(tmp_path: Path) -> ComposeStack:
    """The shipped files in a folder of their own, not started."""
    if problem := engine_problem():
        missing(problem)
    return ComposeStack.prepare(tmp_path)


@pytest.mark.parametrize(
    ("service", "path"), [("landmark_service", DETECTOR), ("agegender_service", AGE)]
)
def test_an_image_is_not_built_without_the_weights_that_it_serves_from(
    files: ComposeStack, service: str, path: Path
) -> None:
    (files.folder / path).unlink()

    with pytest.raises(AssertionError, match=rf"/app/{path}"):
        files.compose("build", service)


def test_an_image_is_not_built_with_weights_that_are_cut_short(files: ComposeStack) -> None:
    weights = files.folder / DETECTOR
    weights.write_bytes(weights.read_bytes()[:-1])

    with pytest.raises(AssertionError, match=r"face_detector\.onnx has sha256 \w+, expected"):
        files.compose("build", "landmark_service")
