"""What the page costs while nobody looks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from facepipe.system.settings import AddressSettings
from gradio_viewer.app import create_viewer_app
from gradio_viewer.settings import ViewerSettings
from tests.support.fake_input_api import serving

pytestmark = pytest.mark.filterwarnings("default")


def test_a_page_that_nobody_looks_at_sleeps(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a page that is served, and a count of how often it goes to sleep
    naps = 0
    sleep = asyncio.sleep

    async def counted(delay: float, *more: Any) -> Any:
        nonlocal naps
        naps += 1
        return await sleep(delay, *more)

    monkeypatch.setattr(asyncio, "sleep", counted)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    app = create_viewer_app(ViewerSettings(address=AddressSettings(input=address)))
    with serving(app):
        time.sleep(1)
        naps = 0

        # when nobody comes for two seconds
        time.sleep(2)

    # then it has not looked around all the time (Gradio alone would some 2,000 times)
    assert naps < 200
