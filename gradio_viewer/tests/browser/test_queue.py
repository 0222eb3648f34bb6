"""How much waits, and what everybody can do about it."""

from __future__ import annotations

import pytest

from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Page, expect

pytestmark = pytest.mark.filterwarnings("default")


def test_work_is_paused_and_goes_on_by_keys_alone(page: Page, fake: FakeApi) -> None:
    # given images that wait
    fake.numbers = {"accepted": 120, "in_flight": 120}
    page.goto("/")
    expect(page.locator("#queue")).to_contain_text("120 images wait")
    # when somebody pauses the work
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    # then the page says since when, and that nothing is lost
    expect(page.locator("#queue")).to_contain_text("Paused since")
    expect(page.locator("#queue")).to_contain_text("120 images wait")
    assert fake.paused_at is not None
    # and the same key goes on: focus is where it was
    expect(page.get_by_role("button", name="Go on")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    assert fake.paused_at is None


def test_a_pause_is_told_where_nothing_waits_too(page: Page, fake: FakeApi) -> None:
    fake.paused_at = "2026-11-22T20:12:00.123000Z"
    page.goto("/?tab=results")
    expect(page.locator("#queue")).to_contain_text("What is sent is kept and waits.")
    fake.paused_at = None
    expect(page.locator("#queue")).to_have_count(0)
