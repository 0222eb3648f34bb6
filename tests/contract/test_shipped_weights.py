"""The weights in models/: intact, what torch had, and what the figures were measured on.

`parity.npz` beside exported weights keeps what torch answers to seeded inputs; each model's
export.py writes it. It is compared here without torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from facepipe.files.models import UNKNOWN, read_model, record_path, sha256_of
from tools.paths import MODELS, ROOT

DETECTOR = MODELS / "face_detector"
VARIANTS = sorted(path.parent for path in MODELS.glob("age_gender/*/age_gender.onnx"))
WEIGHTS = sorted(MODELS.rglob("*.onnx"))
PLOTTER = ROOT / "services" / "plotter_service" / "src" / "plotter_service"
BLOCK = 8
# Single precision, summed in another order: pixels of boxes, and probabilities.
PIXELS, PROBABILITY = 1e-2, 1e-4


def test_there_are_weights() -> None:
    assert DETECTOR / "face_detector.onnx" in WEIGHTS
    assert [folder.name for folder in VARIANTS] == ["open", "research"]


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: str(path.relative_to(MODELS)))
def test_weights_are_what_their_record_says(path: Path) -> None:
    assert record_path(path).exists()
    model = read_model(path)  # raises where the checksum differs

    assert UNKNOWN not in (model.licence, model.source)


@pytest.mark.parametrize("folder", VARIANTS, ids=lambda folder: folder.name)
def test_the_pyramid_is_corrected_by_what_these_weights_confuse(folder: Path) -> None:
    measured = json.loads((PLOTTER / f"confusion_{folder.name}.json").read_text())
    assert measured["weights_sha256"] == sha256_of(folder / "age_gender.onnx"), (
        "measure them anew: models/age_gender/confusion.py"
    )


def test_the_detector_answers_as_torch_does() -> None:
    # Given what torch answered, of this very file
    fixture = _fixture(DETECTOR)
    graph = DETECTOR / "face_detector.onnx"
    assert str(fixture["sha256"]) == sha256_of(graph), _STALE
    random = np.random.default_rng(int(fixture["seed"]))

    answers = [fixture[f"answer{place}"] for place in range(len(fixture["shapes"]))]
    surest = max(answer[:, 4].max() for answer in answers)
    assert surest > 100 * PROBABILITY  # far above the tolerance

    # When the graph sees the same images
    for place, (count, height, width) in enumerate(fixture["shapes"]):
        coarse = random.random((count, 3, height // BLOCK, width // BLOCK), np.float32)
        found = _run(graph, coarse.repeat(BLOCK, 2).repeat(BLOCK, 3))

        # Then it gives the same boxes, and is as sure of them
        expected = answers[place]
        assert found.shape == expected.shape
        np.testing.assert_allclose(found[:, :4], expected[:, :4], atol=PIXELS)
        np.testing.assert_allclose(found[:, 4], expected[:, 4], atol=PROBABILITY)
        np.testing.assert_allclose(found[:, 5:], expected[:, 5:], atol=PIXELS)


def test_the_refiner_answers_as_torch_does() -> None:
    # Given what torch answered, of this very file
    graph = DETECTOR / "face_refiner.onnx"
    with np.load(DETECTOR / "refiner_parity.npz") as fixture:
        assert str(fixture["sha256"]) == sha256_of(graph), _STALE
        random, expected = np.random.default_rng(int(fixture["seed"])), fixture["answer"]

    # When the graph sees the same crops and boxes
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    count, blocks = len(expected), session.get_inputs()[0].shape[2] // BLOCK
    coarse = random.random((count, 3, blocks, blocks), np.float32)
    corner, sides, sure = (random.random((count, n), np.float32) for n in (2, 2, 1))
    boxes = np.concatenate([100 * corner, 100 * corner + 20 + 80 * sides, sure], 1)
    crops = coarse.repeat(BLOCK, 2).repeat(BLOCK, 3)
    given = session.run(["refined"], {"crops": crops, "candidates": boxes})[0]

    # Then it moves the boxes alike, and is as sure of them
    assert np.abs(expected[:, :4] - boxes[:, :4]).max() > 100 * PIXELS
    np.testing.assert_allclose(given[:, :4], expected[:, :4], atol=PIXELS)
    np.testing.assert_allclose(given[:, 4], expected[:, 4], atol=PROBABILITY)


def test_a_detector_is_trained_on_from_plain_arrays() -> None:
    # Given what the next training of the detector begins with
    # When it is read without unpickling anything
    with np.load(DETECTOR / "weights.npz", allow_pickle=False) as arrays:
        # Then it is numbers alone
        assert {arrays[name].dtype.kind for name in arrays.files} <= {"f", "i"}
        assert len(arrays.files) > 100
    # And no file that runs code when it is read lies beside it
    assert not [path for pattern in ("*.pt", "*.pth", "*.pkl") for path in MODELS.rglob(pattern)]


@pytest.mark.parametrize("output", ["ages", "genders", "quality_cues"])
@pytest.mark.parametrize("folder", VARIANTS, ids=lambda folder: folder.name)
def test_age_and_gender_answer_as_torch_does(folder: Path, output: str) -> None:
    # Given what torch answered, of this very file
    fixture = _fixture(folder)
    graph = folder / "age_gender.onnx"
    assert str(fixture["sha256"]) == sha256_of(graph), _STALE
    side = 224 // BLOCK
    random = np.random.default_rng(int(fixture["seed"]))
    coarse = random.random((int(fixture["crops"]), side, side, 3), np.float32)

    # When the graph sees the same crops
    found = _run(graph, coarse.repeat(BLOCK, 1).repeat(BLOCK, 2), output)

    # Then it gives the same probabilities, which differ from crop to crop
    expected = fixture[output]
    assert np.abs(expected - expected[0]).max() > 10 * PROBABILITY
    np.testing.assert_allclose(found, expected, atol=PROBABILITY)


def test_the_figures_are_those_of_the_weights_that_ship() -> None:
    report = json.loads((ROOT / "benchmarks" / "results" / "accuracy.json").read_text())

    assert report["face_detector"]["sha256"] == sha256_of(DETECTOR / "face_detector.onnx"), _OLD
    refiner = sha256_of(DETECTOR / "face_refiner.onnx")
    assert report["face_detector"]["refiner_sha256"] == refiner, _OLD
    variants = report["age_gender"]["variants"]
    assert set(variants) == {folder.name for folder in VARIANTS}, _OLD
    for folder in VARIANTS:
        assert variants[folder.name]["sha256"] == sha256_of(folder / "age_gender.onnx"), _OLD


_STALE = "parity.npz belongs to another file: export anew with export.py, which writes both"
_OLD = "the figures are of other weights: make accuracy, then make format"


def _fixture(folder: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(folder / "parity.npz") as arrays:
        return dict(arrays)


def _run(
    graph: Path, images: npt.NDArray[np.float32], output: str | None = None
) -> npt.NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    outputs = None if output is None else [output]
    return np.asarray(session.run(outputs, {session.get_inputs()[0].name: images})[0], np.float32)
