"""Plots: of some images, and from a bar to its images."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.fake_documents import pyramid
from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Page, expect

pytestmark = pytest.mark.filterwarnings("default")


def test_a_bar_of_a_plot_leads_to_its_images(page: Page, fake: FakeApi) -> None:
    fake.add("a.jpg")
    page.goto("/?tab=plots")
    page.locator(".fp-plot a.fp-female").first.click()
    expect(page.locator(".fp-tile")).to_have_count(1)
    assert page.url.endswith("?tab=results&gender=female&min_age=20&max_age=24")


def test_plots_that_are_drawn_later_come_by_themselves(page: Page, fake: FakeApi) -> None:
    plots, fake.plots = fake.plots, []
    page.goto("/?tab=plots")
    expect(page.locator("#plots .fp-notice")).to_contain_text("no plots yet")

    fake.plots = plots

    expect(page.locator(".fp-plot")).to_be_visible()


def test_a_tab_is_shown_before_what_is_in_it(page: Page, fake: FakeApi) -> None:
    fake.plots_after_s = 6
    page.goto("/?tab=plots")
    expect(page.get_by_role("tab", name="Plots", selected=True)).to_be_visible(timeout=4000)
    expect(page.locator(".fp-plot")).to_be_visible()


def test_plots_are_of_the_images_that_a_search_finds(page: Page, fake: FakeApi) -> None:
    fake.add("a.jpg")
    page.goto("/?tab=plots")
    expect(page.locator(".fp-plot")).to_be_visible()
    # when a filter is set
    form = page.locator("#plots-search")
    form.get_by_label("Gender").select_option("female")
    form.get_by_label("Age from").fill("18")
    form.get_by_role("button", name="Show").click()
    # then the API is asked for these, the address says so, and a chip
    expect(page.locator("#plot-search-part .fp-chip")).to_have_count(2)
    assert page.url.endswith("?tab=plots&gender=female&min_age=18")
    assert {"gender": "female", "min_age": "18"} in fake.queries
    # and a bar leads to its images among them
    page.locator(".fp-plot a.fp-male").first.click()
    expect(page.locator("#search-part .fp-chip")).to_have_count(3)
    assert page.url.endswith("?tab=results&gender=male&min_age=20&max_age=24")
    # and back, the filters are there as they were
    page.go_back()
    expect(form.get_by_label("Gender")).to_have_value("female")
    page.locator("#plot-search-part .fp-chip").first.click()
    assert page.url.endswith("?tab=plots&min_age=18")


def test_no_plot_of_a_search_differs_from_no_plot_at_all(page: Page, fake: FakeApi) -> None:
    fake.plots = []
    page.goto("/?tab=plots&min_age=110")
    expect(page.locator("#plots .fp-notice")).to_contain_text("Take a filter away")


def test_a_pyramid_has_two_sides_and_intervals(page: Page, fake: FakeApi) -> None:
    # given 10 women in their twenties, likely 5 to 14, and 6 men, likely 3 to 10
    fake.plots = [pyramid()]
    page.goto("/?tab=plots")
    row = page.locator(".fp-prow").nth(1)
    left, right = row.locator("a.fp-female"), row.locator("a.fp-male")
    band = row.locator(".fp-band").bounding_box()
    women, men = left.bounding_box(), right.bounding_box()
    assert band
    assert women
    assert men
    # then they stand on both sides of their age, as long as they are many
    assert women["x"] + women["width"] <= band["x"] + 1
    assert men["x"] >= band["x"] + band["width"] - 1
    assert women["width"] / men["width"] == pytest.approx(10 / 6, rel=0.05)
    # and a line says how sure that is
    line = row.locator(".fp-right-half .fp-whisker").bounding_box()
    assert line
    unit = men["width"] / 6
    assert line["x"] - men["x"] == pytest.approx(3 * unit, abs=2)
    assert line["width"] == pytest.approx(7 * unit, abs=2)
    expect(left).to_have_attribute("aria-label", "20-29 years, female: 10, 80 % interval 5 to 14")
    # and it leads to the images
    left.click()
    expect(page.locator("#search-part .fp-chip")).to_have_count(3)
    assert page.url.endswith("?tab=results&gender=female&min_age=20&max_age=29")


def test_labels_of_many_columns_do_not_lie_on_each_other_on_a_phone(
    page: Page, fake: FakeApi
) -> None:
    # given eleven bands of ages
    fake.plots[0] |= {
        "categories": [f"{age}-{age + 4}" for age in range(20, 75, 5)],
        "series": [{"name": "female", "values": [3] * 11}],
    }
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/?tab=plots")
    expect(page.locator(".fp-plot")).to_be_visible()
    # when the labels that are seen are measured
    edges = page.evaluate(
        "() => [...document.querySelectorAll('.fp-cat > span')]"
        ".filter((label) => label.textContent.trim())"
        ".filter((label) => getComputedStyle(label).visibility === 'visible')"
        ".map((label) => { const text = document.createRange(); text.selectNodeContents(label);"
        " const { left, right } = text.getBoundingClientRect(); return [left, right]; })"
    )
    # then each begins after the one before it
    assert len(edges) >= 5
    assert all(right < left for (_, right), (left, _) in pairwise(edges))
