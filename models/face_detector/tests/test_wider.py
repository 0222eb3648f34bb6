"""AP as WIDER FACE's own evaluation counts it, and recall and precision."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from wider import (
    Array,
    Truth,
    evaluate,
    faces_by_height,
    overlaps,
    precision_at,
    recall_by_height,
    truth_by_height,
)

LISTS = ("easy", "hard")
STEPS = 1000


def truth_of(faces: list[tuple[float, float, float, float]], **counted: list[bool]) -> Truth:
    return Truth(
        np.array(faces, float).reshape(-1, 4),
        {name: np.array(marks, bool) for name, marks in counted.items()},
    )


def detections(*rows: tuple[float, float, float, float, float]) -> Array:
    return np.array(rows, float).reshape(-1, 5)


def test_a_worked_example() -> None:
    # Given three faces of 20 px, of which the last is not in the list
    truth = truth_of([(0, 0, 20, 20), (100, 0, 20, 20), (200, 0, 20, 20)], easy=[True, True, False])
    found = detections(
        (0, 0, 20, 20, 1.0),  # finds the first: precision 1/1, recall 1/2
        (200, 0, 220, 20, 0.75),  # the face outside the list: neither right nor wrong
        (50, 50, 70, 70, 0.5),  # nothing there: precision 1/2
        (1, 0, 21, 20, 0.25),  # the first face again: precision 1/3
        (100, 0, 120, 20, 0.0),  # finds the second: precision 2/4, recall 2/2
    )

    # Then half of the area has precision 1, the other half 2/4
    assert evaluate({"a": found}, {"a": truth}) == {"easy": 0.5 * 1 + 0.5 * 0.5}


def test_scores_are_stretched_over_all_images_together() -> None:
    # Given a right detection in one image, and a better scored wrong one in the other
    truth = {
        "a": truth_of([(0, 0, 20, 20)], easy=[True]),
        "b": truth_of([(0, 0, 9, 9)], easy=[False]),
    }
    found = {"a": detections((0, 0, 20, 20, 0.4)), "b": detections((50, 50, 70, 70, 0.9))}

    assert evaluate(found, truth) == {"easy": 0.5}
    found["b"][0, 4] = 0.1
    assert evaluate(found, truth) == {"easy": 1.0}


def test_an_overlap_of_half_is_enough_and_edges_belong_to_a_box() -> None:
    face = np.array([[0.0, 0.0, 9.0, 9.0]])  # ten pixels by ten, as the protocol counts

    (same, half, apart) = overlaps(
        np.array([[0, 0, 9, 9], [0, 0, 9, 4], [10, 0, 9, 9]], float), face
    )[:, 0]

    assert (same, half, apart) == (1.0, 0.5, 0.0)


@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_the_protocol_step_by_step(seed: int) -> None:
    # Given a few images with faces, some outside the list, and detections on and beside them
    random = np.random.default_rng(seed)
    truth, found = {}, {}
    for name in "abcd":
        faces = np.hstack([random.integers(0, 90, (5, 2)), random.integers(10, 40, (5, 2))])
        marks = {which: random.random(5) < 0.7 for which in LISTS}
        truth[name] = Truth(faces.astype(float), marks)
        near = faces[random.integers(0, 5, 9)] + random.integers(-6, 7, (9, 4))
        corners = np.hstack([near[:, :2], near[:, :2] + near[:, 2:].clip(1)])
        scores = np.sort(random.random((9, 1)), 0)[::-1]
        found[name] = np.hstack([corners, scores])

    expected = {which: round(protocol(found, truth, which), 4) for which in LISTS}
    assert evaluate(found, truth) == expected


def protocol(found: dict[str, Array], truth: dict[str, Truth], which: str) -> float:
    """The evaluation as its authors describe it: slowly, one detection after the other."""
    every = np.concatenate([boxes[:, 4] for boxes in found.values()])
    curve = np.zeros((STEPS, 2))
    faces = 0
    for name, boxes in found.items():
        counted = truth[name].counted[which]
        faces += int(counted.sum())
        is_found = [False] * len(counted)
        proposals, hits = [], []
        for x1, y1, x2, y2, _ in boxes:
            shares = [share((x1, y1, x2, y2), face) for face in truth[name].faces]
            best = int(np.argmax(shares))
            is_proposal = True
            if shares[best] >= 0.5:
                if counted[best]:
                    is_found[best] = True
                else:
                    is_proposal = False
            proposals.append(is_proposal)
            hits.append(sum(is_found))
        scores = (boxes[:, 4] - every.min()) / (every.max() - every.min())
        for step in range(STEPS):
            last = int((scores >= 1 - (step + 1) / STEPS).sum()) - 1
            if last >= 0:
                curve[step] += sum(proposals[: last + 1]), hits[last]
    return area(curve, faces)


def share(box: tuple[float, float, float, float], face: Array) -> float:
    x, y, width, height = face
    left, top, right, bottom = box
    across = min(right, x + width) - max(left, x) + 1
    down = min(bottom, y + height) - max(top, y) + 1
    common = max(across, 0) * max(down, 0)
    whole = (right - left + 1) * (bottom - top + 1) + (width + 1) * (height + 1)
    return float(common / (whole - common))


def area(curve: Array, faces: int) -> float:
    """Under the curve whose precision at a recall is the best at that recall or a higher one."""
    points = [(hits / faces, hits / max(proposals, 1)) for proposals, hits in curve]
    recalls = sorted({0.0, *(recall for recall, _ in points)})
    total = 0.0
    for low, high in pairwise(recalls):
        total += (high - low) * max(precision for recall, precision in points if recall >= high)
    return total


def test_recall_is_told_by_the_height_of_the_face() -> None:
    faces = truth_of([(0, 0, 20, 20), (100, 0, 20, 40), (200, 0, 20, 40)], hard=[True] * 3)
    found = {"a": detections((0, 0, 20, 20, 0.9), (100, 0, 120, 40, 0.6), (200, 0, 220, 40, 0.4))}

    recall = recall_by_height(found, {"a": faces}, threshold=0.5)

    assert faces_by_height([faces]) == {"0-15": 0, "16-31": 1, "32-63": 2, "64-127": 0, "128+": 0}
    assert (recall["16-31"], recall["32-63"], recall["128+"]) == (1.0, 0.5, 0.0)


def test_precision_counts_what_lies_on_any_face() -> None:
    faces = {"a": truth_of([(0, 0, 20, 20)], hard=[False])}
    found = {"a": detections((0, 0, 20, 20, 0.9), (50, 0, 70, 20, 0.8), (60, 0, 80, 20, 0.1))}

    assert precision_at(found, faces, 0.5) == 0.5


def test_faces_too_small_and_invalid_ones_do_not_count() -> None:
    rows = [("a", [[0.0, 0.0, 60.0, 60.0], [0.0, 0.0, 20.0, 20.0]], [[5.0, 5.0, 65.0, 65.0]])]

    truth = truth_by_height(rows)["a"]

    assert truth.faces.tolist() == [[0, 0, 60, 60], [0, 0, 20, 20], [5, 5, 60, 60]]
    assert truth.counted["from 50 px"].tolist() == [True, False, False]
    assert truth.counted["from 10 px"].tolist() == [True, True, False]
