from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.local_stack import LocalStack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole stack as processes, on free ports; stopped at the end."""
    stack = LocalStack.prepare(tmp_path_factory.mktemp("stack"))
    try:
        stack.verb("start")
        yield stack
    finally:
        stack.verb("stop", check=False)
