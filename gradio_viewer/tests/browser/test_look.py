"""What a page must not have: a second typeface, faint text, white slabs, times of elsewhere."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any, Literal

import pytest

from tests.support.fake_documents import pyramid
from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Locator, Page, expect

from .choosing import send

pytestmark = pytest.mark.filterwarnings("default")

Scheme = Literal["light", "dark"]

# Of every element with text of its own, but for the seconds that Gradio counts at the start.
_FAMILIES = """() => {
  const has = (one) => [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const all = [...document.querySelectorAll(".gradio-container *")];
  const counts = "[data-testid=status-tracker]";
  const shown = all.filter((one) => one.checkVisibility() && has(one) && !one.closest(counts));
  return [...new Set(shown.map((one) => getComputedStyle(one).fontFamily))];
}"""
# Font files that the page declares for its typeface; none where it is the visitor's own.
_FILES = """async () => {
  const family = getComputedStyle(document.querySelector("h1")).fontFamily;
  const own = [...document.fonts].filter((one) => family.includes(one.family.replaceAll('"', "")));
  await Promise.allSettled(own.map((one) => one.load()));
  return own.filter((one) => one.status !== "loaded").map((one) => `${one.family} ${one.weight}`);
}"""


def test_all_text_is_of_one_typeface_bold_or_not(page: Page, fake: FakeApi) -> None:
    # given a page of each kind
    image_id = fake.add("a.jpg")
    for query, part in (("/", "#ways"), ("/?tab=results", ".fp-tile"), ("/?tab=plots", ".fp-plot"),
                        (f"/?image={image_id}", ".fp-card")):  # fmt: skip
        page.goto(query)
        expect(page.locator(part).first).to_be_visible()
        # then one family is asked for everywhere
        asked = page.evaluate(_FAMILIES)
        assert len(asked) == 1, asked
        # and what is drawn is one family, whatever the weight
        assert len(drawn_fonts(page)) == 1, drawn_fonts(page)
    # and every font file that the page declares for it, of whatever weight, is there
    assert page.evaluate(_FILES) == []


def drawn_fonts(page: Page) -> set[str]:
    """The families that headings, buttons, bold and plain text are really drawn in."""
    tools = page.context.new_cdp_session(page)
    tools.send("DOM.enable")
    tools.send("CSS.enable")
    root = tools.send("DOM.getDocument")["root"]["nodeId"]
    found: set[str] = set()
    for kind in ("h1", "h2", "b", "strong", "button", "p", "a", "label"):
        asked = {"nodeId": root, "selector": f".gradio-container {kind}"}
        for node in tools.send("DOM.querySelectorAll", asked)["nodeIds"]:
            fonts = tools.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
            # an arrow or another sign may be in no typeface of letters
            found |= {font["familyName"] for font in fonts if font["glyphCount"] > 3}
    tools.detach()
    return found


@pytest.mark.parametrize(
    ("zone", "hour"), [("America/New_York", "3:12 PM"), ("Asia/Tokyo", "5:12 AM")]
)
def test_times_are_those_of_the_visitor(
    browser: Any, viewer: str, fake: FakeApi, zone: str, hour: str
) -> None:
    # given an image of 20:12 UTC, and a visitor far from there
    image_id = fake.add("a.jpg")
    page = browser.new_page(base_url=viewer, timezone_id=zone, locale="en-US")
    # then its tile, its head and the lines of its trace are in their time
    page.goto("/?tab=results")
    expect(page.locator(".fp-tile time")).to_contain_text(hour)
    page.goto(f"/?image={image_id}")
    expect(page.locator(".fp-head time")).to_contain_text(hour)
    page.get_by_role("button", name="Trace").click()
    shown = {"America/New_York": "15:12:00.123", "Asia/Tokyo": "05:12:00.123"}[zone]
    expect(page.locator("#trace .fp-log time")).to_have_text(shown)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(
    browser: Any, viewer: str, fake: FakeApi, scheme: Scheme
) -> None:
    # given a page in states that a fresh one does not have
    page = browser.new_page(base_url=viewer, color_scheme=scheme)
    page.goto("/")
    faint = {}
    for name, reached in _STATES.items():
        reached(page, fake)
        # when the contrast of its text is measured, then it is 4.5 or more
        page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text())
        found = page.evaluate("axe.run({ runOnly: ['color-contrast'] })")
        assert found["passes"], name
        bad = [node["html"] for one in found["violations"] for node in one["nodes"]]
        if bad:
            faint[name] = bad
    page.close()
    assert faint == {}


def _uploads(page: Page, fake: FakeApi) -> None:
    fake.add("broken.jpg", "failed", error={"code": "x", "message": "cannot be read"})
    files_sent = [{"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no image"}]
    page.set_input_files("#upload input[type=file]", files_sent)  # type: ignore[arg-type]
    expect(page.locator(".fp-row[data-status=refused]")).to_be_visible()
    page.wait_for_timeout(1000)  # nobody chooses again sooner, and Gradio makes its field anew
    send(page, "a.jpg", "b.jpg")
    expect(page.locator(".fp-row[data-status=stored]")).to_have_count(2)


def _chosen(page: Page, fake: FakeApi) -> None:
    page.goto("/?tab=results&gender=female&min_age=20")
    page.locator(".fp-pick").first.check()
    expect(page.locator(".fp-chosen")).to_be_visible()


def _selected(page: Page, fake: FakeApi) -> None:
    page.goto(f"/?image={fake.add('c.jpg')}&face=1")
    expect(page.locator(".fp-card.fp-selected")).to_be_visible()
    page.get_by_role("button", name="Trace").click()
    expect(page.locator("#trace .fp-log time")).to_be_visible()


def _question(page: Page, fake: FakeApi) -> None:
    page.goto(f"/?image={fake.add('c.jpg')}")
    page.get_by_role("button", name="Erase this image").click()
    expect(page.locator("dialog[open]")).to_be_visible()


def _plots(page: Page, fake: FakeApi) -> None:
    fake.plots = [*fake.plots, pyramid()]
    page.goto("/?tab=plots&gender=female")
    expect(page.locator(".fp-pyramid")).to_be_visible()


_STATES = {"uploads": _uploads, "chosen": _chosen, "selected": _selected, "question": _question,
           "plots": _plots}  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_plots_are_in_the_colours_of_the_page(
    browser: Any, viewer: str, fake: FakeApi, scheme: Scheme
) -> None:
    fake.plots = [*fake.plots, pyramid()]
    page = browser.new_page(base_url=viewer, color_scheme=scheme)
    page.goto("/?tab=plots")
    expect(page.locator(".fp-plot")).to_have_count(2)
    # then no picture of another ground is in them
    assert page.locator(".fp-plot img, .fp-plot canvas").count() == 0
    ground, text = (brightness(page.locator(".fp-plot").first, of) for of in _COLOURS)
    assert (ground > 200, text < 80) == ((True, True) if scheme == "light" else (False, False))
    # and each has its title once
    for plot in page.locator(".fp-plot").all():
        title = plot.locator("h2").inner_text()
        assert plot.inner_text().count(title) == 1
    page.close()


_COLOURS = ("backgroundColor", "color")


def brightness(part: Locator, of: str) -> float:
    """From 0, black, to 255, white."""
    colour = part.evaluate(f"(one) => getComputedStyle(one).{of}")
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3
