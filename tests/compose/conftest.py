from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.compose_stack import ComposeStack
from tools.stack_driver.photos import batch_of


@pytest.fixture(scope="session")
def stack(compose_stack: ComposeStack) -> ComposeStack:
    return compose_stack


@pytest.fixture(scope="session")
def batch(portraits: list[Path]) -> list[bytes]:
    """Thirty different images with a face each."""
    return batch_of(portraits, 30)
