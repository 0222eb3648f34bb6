"""The page in a real browser, on the real stack."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.local_stack import LocalStack


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
