"""The gallery, its search, and what is done with many images."""

from __future__ import annotations

import zipfile
from itertools import pairwise

import pytest

from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Page, expect

pytestmark = pytest.mark.filterwarnings("default")


def test_a_search_on_a_fresh_page_finds_what_there_is(page: Page, fake: FakeApi) -> None:
    # given three images, and a page that was just opened
    for number in range(3):
        fake.add(f"{number}.jpg")
    page.goto("/")
    page.get_by_role("tab", name="Results").click()
    expect(page.locator("#gallery .fp-tile")).to_have_count(3)
    # when somebody searches without having typed anything
    page.locator("#search-button").click()
    # then nothing is asked for, and all is found
    expect(page.locator("#gallery .fp-tile")).to_have_count(3)
    assert all(set(query) == {"limit"} for query in fake.queries)
    # when a gender is chosen that no face has, there is no hit, which is not an empty house
    page.get_by_label("Gender", exact=True).select_option("male")
    page.locator("#search-button").click()
    expect(page.locator("#gallery")).to_contain_text("No image is like that")
    # and its chip takes the filter away
    page.locator(".fp-chip", has_text="male").click()
    expect(page.locator("#gallery .fp-tile")).to_have_count(3)


def test_new_results_come_into_the_gallery(page: Page, fake: FakeApi) -> None:
    fake.add("first.jpg")
    page.goto("/?tab=results")
    expect(page.locator("#gallery .fp-tile")).to_have_count(1)

    fake.add("second.jpg")

    expect(page.locator("#gallery .fp-tile")).to_have_count(2)


def test_the_fields_of_the_search_stand_in_line(page: Page) -> None:
    page.goto("/?tab=results")
    expect(page.locator("#search")).to_be_visible()
    tops = page.locator("#search :is(input:not([type=hidden]), select)").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().top)"
    )
    rows = sorted({round(top) for top in tops})
    assert all(after - before > 30 for before, after in pairwise(rows)), rows


def test_corrected_images_and_turned_heads_can_be_searched_for(page: Page, fake: FakeApi) -> None:
    fake.add("a.jpg")
    page.goto("/?tab=results")
    page.get_by_label("Corrections").select_option("true")
    page.get_by_label("Head turned from").fill("-20")
    page.get_by_label("Head turned to").fill("20")
    page.locator("#search-button").click()
    expect(page.locator(".fp-chip")).to_have_text(
        ["corrected\u00d7", "head turned from -20\u00d7", "head turned to 20\u00d7"]
    )
    asked = {"corrected": "true", "min_yaw": "-20", "max_yaw": "20"}
    assert any(asked.items() <= query.items() for query in fake.queries)


def test_what_is_typed_into_the_search_stays_when_an_answer_comes(
    page: Page, fake: FakeApi
) -> None:
    # given a search that somebody fills in
    fake.add("a.jpg")
    page.goto("/?tab=results")
    expect(page.locator("#gallery .fp-tile")).to_have_count(1)
    page.get_by_label("File name").fill("holiday")
    # when an answer comes that draws the form anew
    page.evaluate("history.pushState(null, '', '?tab=results&gender=female')")
    page.evaluate("document.querySelector('#go').click()")
    expect(page.get_by_label("Gender")).to_have_value("female")
    # then it is still there, and is what is searched for
    expect(page.get_by_label("File name")).to_have_value("holiday")
    page.locator("#search-button").click()
    expect(page.locator(".fp-chip")).to_have_count(2)
    assert any("holiday" in query.values() for query in fake.queries)


def test_many_images_are_chosen_fetched_and_erased(page: Page, fake: FakeApi) -> None:
    # given three images
    for name in ("a.jpg", "b.jpg", "../a.png"):
        fake.add(name)
    page.goto("/?tab=results")
    expect(page.locator(".fp-tile")).to_have_count(3)
    expect(page.locator(".fp-chosen")).to_be_hidden()
    # when two are chosen
    page.get_by_label("Choose a.jpg").check()
    page.get_by_label("Choose ../a.png").check()
    expect(page.locator(".fp-count")).to_have_text("2 chosen")
    # then a zip has all of them, each file under a name of its own, in no folder but its own
    with page.expect_download() as download:
        page.get_by_text("Download as zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        named = sorted(archive.namelist())
    assert len(named) == 6
    assert named[2:4] == ["originals/_a.png", "originals/a.jpg"]
    # and all that are chosen can be erased, after a question
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Erase").click()
    expect(page.locator(".fp-tile")).to_have_count(1)
    assert [image["image"]["file_name"] for image in fake.images.values()] == ["b.jpg"]
    expect(page.locator(".fp-chosen")).to_be_hidden()


def test_a_choice_survives_results_that_come_meanwhile_and_is_analysed_again(
    page: Page, fake: FakeApi
) -> None:
    fake.add("a.jpg")
    page.goto("/?tab=results")
    page.get_by_label("Choose a.jpg").check()
    # when a new result comes, which the page shows by itself
    fake.add("b.jpg")
    expect(page.locator(".fp-tile")).to_have_count(2)
    expect(page.locator(".fp-count")).to_have_text("1 chosen")
    expect(page.get_by_label("Choose a.jpg")).to_be_checked()
    # then the choice is sent again, and nothing else
    page.get_by_text("Choose all").click()
    expect(page.locator(".fp-count")).to_have_text("2 chosen")
    page.get_by_text("Choose none").click()
    page.get_by_label("Choose a.jpg").check()
    page.locator(".fp-chosen").get_by_text("Analyse again").click()
    expect(page.locator(".fp-tile[data-status=received]")).to_have_count(1)


def test_a_search_is_exported_as_it_is(page: Page, fake: FakeApi) -> None:
    fake.add("a.jpg")
    page.goto("/?tab=results&gender=female&min_age=20&sort=file_name")
    with page.expect_download() as download:
        page.get_by_text("CSV").click()
    assert download.value.suggested_filename == "faces.csv"
    assert download.value.path().read_text() == "image_id,age\n"
    asked = {key: fake.queries[-1].get(key) for key in ("format", "gender", "min_age", "sort")}
    assert asked == {"format": "csv", "gender": "female", "min_age": "20", "sort": None}
