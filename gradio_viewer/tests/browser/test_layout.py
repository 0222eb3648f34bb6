"""How the page looks and reads: edges, widths, and what axe finds."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import Any, Literal

import pytest

from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Page, expect

pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_tab(
    browser: Any, viewer: str, fake: FakeApi, scheme: Literal["light", "dark"]
) -> None:
    # given a page of each kind, one of an image with a face that was rejected
    axe = (files("axe_playwright_python") / "axe.min.js").read_text()
    image_id = fake.add("a.jpg")
    box = {"x1": 20, "y1": 20, "x2": 60, "y2": 70}
    fake.corrections[image_id] = [{"number": 1, "kind": "not_a_face", "box": box}]
    tabs = {
        "/": "#upload",
        "/?tab=results&corrected=true": ".fp-tile",
        f"/?image={image_id}": ".fp-card",
        "/?tab=plots": ".fp-plot",
    }
    page = browser.new_page(base_url=viewer, color_scheme=scheme)
    found = {}
    for query, part in tabs.items():
        page.goto(query)
        expect(page.locator(part).first).to_be_visible()
        page.evaluate("document.fonts.ready")
        # when axe looks at it, then it has nothing to say
        page.evaluate(axe)
        violations = page.evaluate("axe.run()")["violations"]
        if violations:
            found[query] = [(one["id"], one["nodes"][0]["html"]) for one in violations]
    page.close()
    assert found == {}


@pytest.mark.parametrize("width", [390, 1440])
def test_title_tabs_and_content_have_one_left_edge(page: Page, fake: FakeApi, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    fake.add("a.jpg")
    page.goto("/?tab=results")
    expect(page.locator(".fp-tile")).to_be_visible()
    parts = ("#title h1", "#tabs [role=tab]", "#search", ".fp-tile")
    edges = {round((page.locator(part).first.bounding_box() or {"x": -1})["x"]) for part in parts}
    assert len(edges) == 1


@pytest.mark.parametrize("width", [390, 820, 1440, 2560])
def test_nothing_is_wider_than_the_window(page: Page, fake: FakeApi, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    image_id = fake.add("a.jpg")
    for query in ("", "?tab=results", f"?image={image_id}", "?tab=plots"):
        page.goto(f"/{query}")
        part = {"": "#upload", "?tab=results": ".fp-tile", "?tab=plots": ".fp-plot"}
        expect(page.locator(part.get(query, ".fp-card")).first).to_be_visible()
        time.sleep(0.2)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_wide_window_is_used(page: Page, fake: FakeApi) -> None:
    page.set_viewport_size({"width": 2560, "height": 1440})
    for number in range(12):
        fake.add(f"{number}.jpg")
    page.goto("/?tab=results")
    expect(page.locator(".fp-tile")).to_have_count(12)
    # all twelve stand in two rows at most, over most of the width
    tops = page.locator(".fp-cell").evaluate_all("all => all.map(one => one.offsetTop)")
    assert len(set(tops)) <= 2
    assert (page.locator("#gallery").bounding_box() or {"width": 0})["width"] > 2000
