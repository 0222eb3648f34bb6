from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.input.bench import Bench, open_bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with open_bench(tmp_path_factory.mktemp("input")) as bench:
        yield bench
