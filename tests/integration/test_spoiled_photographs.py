"""A spoiled photograph: a face is found, and what is said of it is doubted for the reason."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agegender_service.load_models import load_estimator
from agegender_service.pipeline import cut_crops, estimate_faces
from agegender_service.settings import AgeGenderServiceSettings
from facepipe.domain.analysis import AgeGender, Doubt
from facepipe.files.decoding import decode
from facepipe.files.imaging import RgbImage
from landmark_service.load_models import load_pipeline
from landmark_service.settings import LandmarkSettings
from tests.support.missing import missing
from tools.stack_driver.photos import data_folder

OF_THE_PICTURE = {Doubt.BADLY_EXPOSED, Doubt.DISTORTED}
Estimate = Callable[[RgbImage], AgeGender]


@pytest.fixture(scope="module")
def estimate() -> Estimate:
    """Age and gender of the largest face, as the two stages find them where nothing is set."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("FACEPIPE_DET", "FACEPIPE_AGE"))]:
            patch.delenv(name)
        patch.setenv("FACEPIPE_VOLUMES_ROOT", "no-such-folder")  # no model of the user's own
        pipeline, settings = load_pipeline(LandmarkSettings()), AgeGenderServiceSettings()
        estimator = load_estimator(settings)
    assert estimator is not None

    def run(image_rgb: RgbImage) -> AgeGender:
        faces = pipeline.find_landmarks(image_rgb, pipeline.detect(image_rgb)[:1]).faces
        crops = cut_crops(image_rgb, faces)
        [said] = estimate_faces(estimator, faces, crops, settings.agegender).faces
        return said

    return run


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("r_overexposed.jpg", Doubt.BADLY_EXPOSED),
        ("r_dark0.25.jpg", Doubt.BADLY_EXPOSED),
        ("r_negative.jpg", Doubt.BADLY_EXPOSED),
        ("r_stretched2x.jpg", Doubt.DISTORTED),
    ],
)
def test_a_spoiled_photograph_is_doubted_with_the_reason(
    name: str, reason: Doubt, estimate: Estimate
) -> None:
    path = data_folder() / "field" / name
    if not path.exists():
        missing(f"{name} is missing (FACEPIPE_TEST_DATA)")

    said = estimate(decode(path.read_bytes()).rgb)

    assert OF_THE_PICTURE.intersection(said.reasons) == {reason}
    assert not said.age_reliable
    assert not said.gender_reliable


def test_portraits_are_not_and_the_same_portraits_spoiled_are(
    portraits: list[Path], estimate: Estimate
) -> None:
    for path in portraits[1:4]:
        # given a portrait, and the same one squeezed, burnt out, dark and negative
        image = Image.open(path).convert("RGB")
        image.thumbnail((600, 600))
        rgb = np.asarray(image)
        squeezed = np.asarray(image.resize((image.width // 2, image.height)))
        burnt = np.clip(rgb.astype(np.float32) * 3, 0, 255).astype(np.uint8)

        # when each is judged
        plain, flat, *badly_lit = (
            set(estimate(one).reasons) for one in (rgb, squeezed, burnt, rgb // 5, 255 - rgb)
        )

        # then the portrait is not doubted, and each of the others for what was done to it; what
        # is squeezed so far that no landmarks are found cannot be measured
        assert not plain & OF_THE_PICTURE, path.name
        assert flat & {Doubt.DISTORTED, Doubt.NO_LANDMARKS}, path.name
        assert [one & OF_THE_PICTURE for one in badly_lit] == [{Doubt.BADLY_EXPOSED}] * 3, path.name


def test_most_squeezed_portraits_are_called_distorted(
    portraits: list[Path], estimate: Estimate
) -> None:
    # given portraits at half their width
    count = 0
    for path in portraits[:8]:
        image = Image.open(path).convert("RGB")
        image.thumbnail((600, 600))
        # when each is judged
        flat = estimate(np.asarray(image.resize((image.width // 2, image.height))))
        count += Doubt.DISTORTED in flat.reasons
    # then most are called what they are
    assert count >= 6
