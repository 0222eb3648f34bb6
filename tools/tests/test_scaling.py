"""How many hosts docs/scaling.md asks for."""

from __future__ import annotations

import pytest

from tools.generate.scaling import scaling_blocks

_RUN = {
    "database": "sqlite", "hosts": 8, "sleep_s": 4.0, "images": 120, "images_per_s": 1.99,
    "of_linear": 0.995, "cpu_share": 0.1, "machine_share": 0.4, "load_before": 1.0,
    "redis_commands": 300.0, "cpu_ms": {"redis-server": 10.0},
}  # fmt: skip


def rows_of(block: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in block.splitlines()[2:]]


def blocks(models_ms: float, rest_ms: float) -> dict[str, str]:
    spent = {"landmark_service worker": models_ms, "data_storage_service": rest_ms}
    speed = {"kinds": {"portrait": {"CPU by process": spent}}}
    return scaling_blocks({"linear": [_RUN], "ceiling": [_RUN]}, speed)


def test_cores_are_half_busy_and_hosts_are_whole() -> None:
    # Given 86.4 ms for the models and 43.2 for the rest: of 1,000,000 a day one core and a half
    sizes = {row[0]: row for row in rows_of(blocks(86.4, 43.2)["sizes"])}

    assert sizes["1,000,000"][2:5] == ["1.0", "2.0", "none: one machine"]
    assert sizes["5,000,000"][2:5] == ["5.0", "10.0", "2"]


@pytest.mark.parametrize("name", ["linear", "ceiling"])
def test_each_run_is_told_with_the_load_beside_it(name: str) -> None:
    text = blocks(1, 1)[name]

    assert "40.0 %" in text
    assert "10.0 %" in text
