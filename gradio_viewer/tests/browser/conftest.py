"""A page in a real browser, before an API that answers as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facepipe.system.settings import AddressSettings
from tests.support.chromium import chromium
from tests.support.fake_input_api import serving

pytest.importorskip("gradio")

from playwright.sync_api import Page, expect

from gradio_viewer.app import create_viewer_app
from gradio_viewer.settings import ViewerSettings

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def viewer(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    settings = ViewerSettings(address=AddressSettings(input=address))
    with serving(create_viewer_app(settings)) as viewer:
        yield viewer


@pytest.fixture
def page(browser: Any, viewer: str) -> Iterator[Page]:
    """A page of a desktop's size that no script fails on, and that draws nothing wrongly."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, base_url=viewer)
    page.set_default_timeout(30_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.extend([said.text] if "attribute" in said.text else []))
    yield page
    page.close()
    assert errors == []
