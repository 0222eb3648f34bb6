from __future__ import annotations

from collections.abc import Sequence

import pytest

from facepipe.domain.analysis import AgeGender, Face, Models
from facepipe.queue.job_table import FUNCTIONS
from facepipe.stages import FACE_STAGES, STAGES, StageName, due_stages

LANDMARK, AGEGENDER, STORAGE = StageName.LANDMARK, StageName.AGEGENDER, StageName.STORAGE


@pytest.mark.parametrize(
    ("settled", "num_faces", "due"),
    [
        ([], None, [LANDMARK]),
        ([AGEGENDER], None, [LANDMARK]),
        ([LANDMARK], 2, [AGEGENDER]),
        ([LANDMARK], 0, [STORAGE]),
        ([LANDMARK, AGEGENDER], 2, [STORAGE]),
        ([LANDMARK, AGEGENDER, STORAGE], 2, []),
    ],
)
def test_a_stage_is_due_when_all_that_it_needs_is_settled(
    settled: Sequence[StageName], num_faces: int | None, due: Sequence[StageName]
) -> None:
    assert due_stages(settled, num_faces) == due


def test_every_stage_is_declared_once_and_needs_only_earlier_ones() -> None:
    names = [spec.name for spec in STAGES]

    assert sorted(names) == sorted(StageName)
    assert set(FUNCTIONS) == {*names, "plots"}
    for place, spec in enumerate(STAGES):
        assert set(spec.needs) <= set(names[:place])


def test_what_stands_in_each_face_has_its_place_in_the_result() -> None:
    for spec in FACE_STAGES:
        assert {spec.name, f"{spec.name}_error"} <= set(Face.model_fields)
        assert spec.name in Models.model_fields
    assert Face.model_fields["agegender"].annotation is AgeGender
