"""The API's documentation pages, in a real browser that reaches nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from input_service.app import create_input_app
from input_service.settings import InputSettings
from tests.support.fake_input_api import serving


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("FACEPIPE_VOLUMES_ROOT", str(tmp_path))
    with serving(create_input_app(InputSettings())) as address:
        yield address


def test_no_picture_of_the_documentation_comes_from_elsewhere(api: str) -> None:
    for name in ("redoc.standalone.js", "swagger-ui-bundle.js"):
        script = httpx.get(f"{api}/docs/assets/{name}", trust_env=False).raise_for_status().text

        assert re.findall(r"https?://cdn[\w./-]+|https?://[\w./-]+\.(?:svg|png|gif)", script) == []


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_is_shown_and_loads_nothing_from_elsewhere(
    page: Page, api: str, path: str
) -> None:
    # given a browser that notes what is asked for, and what the page's policy forbids
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)

    # when the documentation is opened
    answer = page.goto(f"{api}{path}")

    # then it shows the operations
    expect(page.locator("text=List images >> visible=true").first).to_be_visible()
    # and nothing is foreign, which its policy proves
    assert [url for url in asked if not url.startswith((api, "data:", "blob:"))] == []
    assert complaints == []
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "http" not in policy
