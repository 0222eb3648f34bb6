"""How an estimate is drawn: its interval, its probability, its doubts."""

from __future__ import annotations

import pytest

from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def cards(page: Page, fake: FakeApi) -> Locator:
    """Of a face with an age of 28, from 23 to 34, a woman at 98 %; and of one not judged."""
    page.goto(f"/?image={fake.add('two.jpg')}")
    cards = page.locator(".fp-card")
    expect(cards).to_have_count(2)
    return cards


def share(part: Locator, edge: str, of: Locator) -> float:
    """Where an edge of a part lies along another one, 0-1."""
    inner, outer = part.bounding_box(), of.bounding_box()
    assert inner
    assert outer
    at = inner["x"] + {"left": 0.0, "middle": 0.5, "right": 1.0}[edge] * inner["width"]
    return (at - outer["x"]) / outer["width"]


def test_an_age_is_an_interval_on_a_line_with_the_estimate_in_it(cards: Locator) -> None:
    age = cards.first.locator(".fp-age")
    line, interval, at = (age.locator(part) for part in (".fp-years", ".fp-interval", ".fp-at"))
    # the line is a hundred years long
    assert share(interval, "left", line) == pytest.approx(0.23, abs=0.01)
    assert share(interval, "right", line) == pytest.approx(0.34, abs=0.01)
    assert share(at, "middle", line) == pytest.approx(0.28, abs=0.02)
    expect(age).to_contain_text("28 years")
    expect(age).to_contain_text("23\u201334")


def test_a_gender_has_its_probability(cards: Locator) -> None:
    gender = cards.first.locator(".fp-gender")
    expect(gender).to_contain_text("female")
    expect(gender).to_contain_text("98 %")
    bar = gender.locator(".fp-share")
    assert share(bar.locator("i"), "right", bar) == pytest.approx(0.98, abs=0.01)


def test_doubts_stand_beside_the_value_in_words_with_what_to_do(cards: Locator) -> None:
    doubtful = cards.nth(1)
    expect(doubtful).to_contain_text("Not reliable: the face is small; no landmarks were found.")
    expect(doubtful).to_contain_text("A larger picture of the face helps.")
    expect(cards.first).not_to_contain_text("Not reliable")


def test_what_was_not_judged_looks_different_from_a_value(cards: Locator) -> None:
    known, unknown = cards.first.locator(".fp-age strong"), cards.nth(1).locator(".fp-open strong")
    expect(unknown).to_have_text(["Age not judged", "Gender not judged"])
    expect(cards.first.locator(".fp-age")).to_have_class("fp-age fp-sure")
    for style in ("borderBottomStyle", "fontWeight", "color"):
        of = f"(one) => getComputedStyle(one).{style}"
        assert known.evaluate(of) != unknown.first.evaluate(of)
    # and no line or bar pretends to know
    expect(cards.nth(1).locator(".fp-years, .fp-share")).to_have_count(0)
