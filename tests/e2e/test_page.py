"""The page in a real browser, on the real stack."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.local_stack import LocalStack
from tests.support.missing import missing

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_PATIENCE_MS = 60_000


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        page = browser.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        yield page
        browser.close()


def test_an_uploaded_photograph_shows_its_face(
    stack: LocalStack, portraits: list[Path], page: Page
) -> None:
    # Given the page
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url))
    page.goto(stack.viewer)

    # When a portrait is uploaded
    page.set_input_files("#upload input[type=file]", str(portraits[4]))

    # Then it is stored while one looks on, and its link leads to the face
    page.locator("#progress .fp-row[data-status=stored] a").click()
    expect(page.locator("#image-view svg.fp-overlay rect").first).to_be_visible()
    expect(page.locator("#faces .fp-card")).to_have_count(1)
    expect(page.locator("#trace .fp-spanrow").first).to_be_visible()

    # And nothing was fetched from anywhere else
    assert [url for url in foreign if not url.startswith((stack.viewer, "data:", "blob:"))] == []
