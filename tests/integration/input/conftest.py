from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.input.rig import Rig, open_bench


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_bench(tmp_path_factory.mktemp("input")) as rig:
        yield rig
