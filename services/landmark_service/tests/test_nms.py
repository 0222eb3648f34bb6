from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landmark_service.nms import intersection_over_union, non_maximum_suppression

COORDINATES = st.integers(0, 60).map(float)
IOUS = st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0])


@st.composite
def boxes(draw: st.DrawFn) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    count = draw(st.integers(0, 25))
    first = draw(arrays(np.float32, (count, 2), elements=COORDINATES))
    sides = draw(arrays(np.float32, (count, 2), elements=COORDINATES))
    sure = draw(arrays(np.float32, count, elements=st.floats(0, 1, width=32)))
    return np.concatenate([first, first + sides], axis=1), sure


@given(boxes(), IOUS)
def test_what_stays_does_not_overlap_and_what_goes_overlaps_a_surer_one(
    faces: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]], iou: float
) -> None:
    xyxy, sure = faces
    kept = non_maximum_suppression(xyxy, sure, iou)
    assert len(set(kept.tolist())) == len(kept)
    assert (np.diff(sure[kept]) <= 0).all()
    for place, index in enumerate(kept):
        assert (intersection_over_union(xyxy[index], xyxy[kept[:place]]) <= iou).all()
    for index in set(range(len(xyxy))) - set(kept.tolist()):
        surer = kept[sure[kept] >= sure[index]]
        assert intersection_over_union(xyxy[index], xyxy[surer]).max() > iou


@given(boxes(), IOUS)
def test_doing_it_twice_changes_nothing(
    faces: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]], iou: float
) -> None:
    xyxy, sure = faces
    kept = non_maximum_suppression(xyxy, sure, iou)
    again = non_maximum_suppression(xyxy[kept], sure[kept], iou)
    assert again.tolist() == list(range(len(kept)))


@given(boxes())
def test_overlap_is_a_share_and_the_same_both_ways(
    faces: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
) -> None:
    xyxy, _ = faces
    for index, box in enumerate(xyxy):
        overlap = intersection_over_union(box, xyxy)
        assert ((overlap >= 0) & (overlap <= 1.0001)).all()
        back = [intersection_over_union(other, xyxy[index : index + 1])[0] for other in xyxy]
        np.testing.assert_allclose(overlap, back, atol=1e-6)


def test_two_faces_side_by_side_stay_and_a_double_goes() -> None:
    xyxy = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [10, 0, 20, 10]], np.float32)
    kept = non_maximum_suppression(xyxy, np.array([0.8, 0.9, 0.7], np.float32), 0.5)
    assert kept.tolist() == [1, 2]
