from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.support.local_stack import LocalStack
from tests.support.missing import missing

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_PATIENCE_MS = 60_000


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole stack as processes, on free ports; stopped at the end."""
    stack = LocalStack.prepare(tmp_path_factory.mktemp("stack"))
    try:
        stack.verb("start")
        yield stack
    finally:
        stack.verb("stop", check=False)


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
