"""Fixtures of the tests that cross services."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from facepipe.queue.redis_connection import connect_redis
from tests.support.compose_stack import ComposeStack, engine_problem
from tests.support.missing import missing
from tests.support.redis_server import refusals
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.photos import data_folder, portrait_paths

_CHROMIUM = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_PATIENCE_MS = 60_000
expect.set_options(timeout=_PATIENCE_MS)


@pytest.fixture(scope="session")
def portraits() -> list[Path]:
    """Twenty portraits with one face each."""
    found = portrait_paths()
    if not found:
        missing(f"no portraits in {data_folder()}; set FACEPIPE_TEST_DATA")
    return found


@pytest.fixture(scope="session")
def native_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole stack as processes, on free ports; stopped at the end."""
    stack = LocalStack.prepare(tmp_path_factory.mktemp("stack"))
    try:
        stack.verb("start")
        yield stack
        with connect_redis(stack.redis) as redis:
            assert (refused := refusals(redis)) == [], refused
    finally:
        stack.verb("stop", check=False)


@pytest.fixture(scope="session")
def compose_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """The stack, built and brought up with `--wait`; removed afterwards."""
    if problem := engine_problem():
        missing(problem)
    stack = ComposeStack.prepare(tmp_path_factory.mktemp("compose"))
    try:
        stack.compose("up", "--build", "--detach", "--wait", timeout_s=1500)
        yield stack
    finally:
        print(stack.compose("ps", "--all", check=False))
        print(stack.compose("logs", "--tail", "40", "--no-color", check=False)[-20000:])
        stack.compose("down", "--volumes", "--timeout", "5", check=False)


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM)
        page = browser.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        expect.set_options(_PATIENCE_MS)
        yield page
        browser.close()
