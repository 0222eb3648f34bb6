from __future__ import annotations

import pytest

from facepipe.stage import Stage, definition
from facepipe.stages import StageName
from facepipe.system.settings import Settings, StageSettings


@pytest.mark.parametrize(
    ("queue", "chosen", "cpus", "workers"),
    [
        (StageName.LANDMARK, StageSettings(), 4.0, 4),
        (StageName.LANDMARK, StageSettings(), 1.5, 1),
        (StageName.LANDMARK, StageSettings(), 0.5, 1),
        (StageName.LANDMARK, StageSettings(), 64.0, definition.MOST_WORKERS),
        (StageName.LANDMARK, StageSettings(workers=3), 8.0, 3),
        (StageName.LANDMARK, StageSettings(device="cuda"), 8.0, 1),
        (StageName.AGEGENDER, StageSettings(), 8.0, 1),
        ("plots", StageSettings(), 8.0, 1),
    ],
)
def test_the_heavy_stage_has_a_worker_a_cpu_where_nothing_is_set(
    queue: str, chosen: StageSettings, cpus: float, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(definition, "available_cpus", lambda: cpus)

    assert Stage("tested", queue, Settings(stage=chosen)).workers == workers
