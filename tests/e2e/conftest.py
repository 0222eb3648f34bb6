from __future__ import annotations

import pytest

from tools.stack_driver.local_stack import LocalStack


@pytest.fixture(scope="session")
def stack(native_stack: LocalStack) -> LocalStack:
    return native_stack
