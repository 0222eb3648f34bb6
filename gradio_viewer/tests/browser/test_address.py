"""The address of the page: back, forth, reload, and tabs chosen early."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Page, Route, expect

from .choosing import send

pytestmark = pytest.mark.filterwarnings("default")


def test_the_address_leads_back_and_forth_and_can_be_sent(
    page: Page, fake: FakeApi, browser: Any
) -> None:
    # given a search, from which an image was opened
    image_id = fake.add("ottilie.jpg")
    page.goto("/?tab=results&gender=female&min_age=20")
    expect(page.get_by_label("Gender", exact=True)).to_have_value("female")
    page.locator("#gallery .fp-tile").click()
    expect(page.locator("#image-view .fp-name")).to_have_text("ottilie.jpg")
    expect(page).to_have_title("ottilie.jpg \u2013 Face analysis")
    # when one goes back, then the search is there as it was
    page.go_back()
    expect(page.locator("#gallery .fp-tile")).to_be_visible()
    expect(page.get_by_label("Age from")).to_have_value("20")
    expect(page).to_have_title("Face analysis")
    # and forward, and after a reload, the image
    page.go_forward()
    expect(page.locator("#image-view .fp-name")).to_be_visible()
    page.reload()
    expect(page.locator("#image-view .fp-name")).to_have_text("ottilie.jpg")
    # and for whoever is sent the link, with the face that was chosen
    page.locator(".fp-card").nth(1).click()
    expect(page).to_have_url(f"{page.url.partition('?')[0]}?image={image_id}&face=1")
    other = browser.new_page()
    other.goto(page.url)
    expect(other.locator(".fp-card.fp-selected")).to_have_attribute("data-face", "1")
    other.close()
    # and in another tab, which this one does not disturb
    page.get_by_role("tab", name="Plots").click()
    expect(page.locator("#plots .fp-plot")).to_be_visible()
    assert page.url.endswith("?tab=plots")


def test_a_photograph_chosen_before_the_script_came_shows_its_result_as_well(page: Page) -> None:
    # given a slow line, on which the page's script comes last
    held: list[Route] = []
    page.route("**/page/main.js", lambda route: held.append(route))
    page.goto("/")
    # when a photograph is chosen at once, and has its result before the script is there
    send(page, "a.jpg")
    expect(page.locator("#progress .fp-row[data-status=stored]")).to_be_visible()
    for route in held:
        route.continue_()
    # then its result comes by itself, and one may leave it
    expect(page.locator("#image-view .fp-name")).to_have_text("a.jpg")
    page.get_by_role("tab", name="Upload").click()
    expect(page.locator("#progress .fp-row[data-status=stored]")).to_be_visible()
    page.wait_for_timeout(1500)
    expect(page.get_by_role("tab", name="Upload")).to_have_attribute("aria-selected", "true")


def test_a_tab_chosen_before_the_script_came_is_filled_as_well(page: Page, fake: FakeApi) -> None:
    # given a slow line, on which the page's script comes last
    fake.add("a.jpg")
    held: list[Route] = []
    page.route("**/page/main.js", lambda route: held.append(route))
    page.goto("/")
    # when the results are chosen at once
    page.get_by_role("tab", name="Results").click()
    expect(page.get_by_role("tab", name="Results")).to_have_attribute("aria-selected", "true")
    for route in held:
        route.continue_()
    # then they come, and the address says where one is
    expect(page.locator("#gallery .fp-tile")).to_have_count(1)
    assert page.url.endswith("?tab=results")


def test_keys_lead_from_image_to_image_and_are_listed(page: Page, fake: FakeApi) -> None:
    fake.add("older.jpg")
    fake.add("newer.jpg")
    page.goto("/?tab=results")
    page.locator(".fp-tile", has_text="newer.jpg").click()
    expect(page.locator("#image-view .fp-name")).to_have_text("newer.jpg")
    page.keyboard.press("]")
    expect(page.locator("#image-view .fp-name")).to_have_text("older.jpg")
    page.get_by_role("button", name="Previous image").click()
    expect(page.locator("#image-view .fp-name")).to_have_text("newer.jpg")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("the face before, the next face")


def test_the_tab_changes_before_its_plots_are_there(page: Page, fake: FakeApi) -> None:
    # given plots that take their time
    fake.plots_after_s = 3600
    page.goto("/")
    expect(page.get_by_role("tab", name="Upload")).to_have_attribute("aria-selected", "true")
    page.wait_for_function("document.querySelector('#upload input[type=file]') !== null")
    # when one goes there by the tab, then it is open, and says that they come
    page.get_by_role("tab", name="Plots").click()
    expect(page.get_by_role("tab", name="Plots")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#plots")).to_contain_text("on their way")
    fake.plots_after_s = 0.0


def test_a_link_that_lost_its_end_says_so(page: Page, fake: FakeApi) -> None:
    page.goto(f"/?image={fake.add('a.jpg')[:40]}")
    expect(page.get_by_role("tab", name="Image", selected=True)).to_be_visible()
    expect(page.locator("#image-view")).to_contain_text("its id is not whole")
