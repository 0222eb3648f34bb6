"""What a person does to send photographs."""

from __future__ import annotations

import pytest

from tests.support.fake_documents import portrait

pytest.importorskip("gradio")

from playwright.sync_api import Page


def send(page: Page, *names: str) -> None:
    """Chooses photographs, as a person does."""
    files = [{"name": name, "mimeType": "image/jpeg", "buffer": portrait()} for name in names]
    page.set_input_files("#upload input[type=file]", files)  # type: ignore[arg-type]
