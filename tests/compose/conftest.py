from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.compose.stack import ROOT, ComposeStack, engine_problem


@pytest.fixture(scope="session")
def portraits() -> list[Path]:
    folder = Path(os.environ.get("FACEPIPE_TEST_DATA", ROOT.parent / "shared")) / "photos/london"
    found = sorted(folder.glob("*.jpg"))
    if not found:
        _missing(f"no portraits in {folder}; set FACEPIPE_TEST_DATA")
    return found


@pytest.fixture(scope="session")
def batch(portraits: list[Path]) -> list[bytes]:
    """Thirty different images with a face each."""
    return [_variant(portraits[n % len(portraits)], n) for n in range(30)]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """The stack, built and brought up with `--wait`; removed afterwards."""
    if problem := engine_problem():
        _missing(problem)
    stack = ComposeStack.prepare(tmp_path_factory.mktemp("compose"))
    try:
        stack.compose("up", "--build", "--detach", "--wait", timeout_s=1500)
        yield stack
    finally:
        print(stack.compose("ps", "--all", check=False))
        print(stack.compose("logs", "--tail", "40", "--no-color", check=False)[-20000:])
        stack.compose("down", "--volumes", "--timeout", "5", check=False)


def _missing(reason: str) -> None:
    """Skips at home; in CI nothing may be missing."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _variant(path: Path, number: int) -> bytes:
    side = 600 + number
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.resize((side, side)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
