"""What a person does on a page that was just opened, in a real browser."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest

from facepipe.system.settings import AddressSettings
from tests.support.chromium import chromium
from tests.support.fake_input_api import FakeApi, portrait, serving

pytest.importorskip("gradio")

from playwright.sync_api import Page, Route, expect

from gradio_viewer.app import create_viewer_app
from gradio_viewer.settings import ViewerSettings

pytestmark = pytest.mark.filterwarnings("default")
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def viewer(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    settings = ViewerSettings(address=AddressSettings(input=address))
    with serving(create_viewer_app(settings)) as viewer:
        yield viewer


@pytest.fixture
def page(browser: Any, viewer: str) -> Iterator[Page]:
    """A page of a desktop's size that no script fails on."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, base_url=viewer)
    page.set_default_timeout(30_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


def send(page: Page, *names: str) -> None:
    """Chooses photographs, as a person does."""
    files = [{"name": name, "mimeType": "image/jpeg", "buffer": portrait()} for name in names]
    page.set_input_files("#upload input[type=file]", files)  # type: ignore[arg-type]


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


def test_an_image_in_work_goes_on_by_itself(page: Page, fake: FakeApi) -> None:
    # given an image that is looked at while it is analysed
    image_id = fake.add("slow.jpg", "detecting")
    page.goto(f"/?image={image_id}")
    expect(page.locator("#image-view")).to_contain_text("looking for faces")
    # when it is finished
    fake.images[image_id].update(status="stored", num_faces=2)
    # then its faces are there, without anything being done
    expect(page.locator("#faces .fp-card")).to_have_count(2)


def test_the_list_of_a_batch_survives_a_reload(page: Page, fake: FakeApi) -> None:
    # given a batch on its way
    page.goto("/")
    send(page, "a.jpg", "b.jpg", "c.jpg")
    expect(page.locator("#progress .fp-row").first).to_be_visible()
    # when the page is loaded again
    page.reload()
    # then all of it is there, to the end
    expect(page.locator("#progress .fp-row[data-status=stored]")).to_have_count(3)
    assert len(fake.images) == 3


def test_a_fresh_page_tells_what_may_be_sent(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#limits")).to_contain_text("each up to 50 MB")
    expect(page.locator("#ways")).to_contain_text("Choose a folder")


def test_after_one_photograph_its_result_comes_and_after_many_their_list(page: Page) -> None:
    page.goto("/")
    send(page, "a.jpg", "b.jpg")
    expect(page.locator("#progress")).to_contain_text("2 of 2 finished, 4 faces")
    send(page, "alone.jpg")
    expect(page.locator("#image-view .fp-name")).to_have_text("alone.jpg")
    # and the page is as ready for the next one as it was for the first
    page.get_by_role("tab", name="Upload").click()
    expect(page.locator("#upload")).to_contain_text("Drop photographs")
    expect(page.locator("#upload")).not_to_contain_text("Error")


def test_new_results_come_into_the_gallery(page: Page, fake: FakeApi) -> None:
    fake.add("first.jpg")
    page.goto("/?tab=results")
    expect(page.locator("#gallery .fp-tile")).to_have_count(1)

    fake.add("second.jpg")

    expect(page.locator("#gallery .fp-tile")).to_have_count(2)


def test_box_and_card_of_a_face_are_one(page: Page, fake: FakeApi) -> None:
    # given an image with two faces, side by side with their cards
    page.goto(f"/?image={fake.add('two.jpg')}")
    cards, marks = page.locator(".fp-card"), page.locator(".fp-face")
    stage, first = page.locator(".fp-stage").bounding_box(), cards.first.bounding_box()
    assert stage is not None
    assert first is not None
    assert first["x"] > stage["x"] + stage["width"]
    assert first["y"] < 900
    # when one points at a card, its box stands out
    cards.nth(1).hover()
    expect(page.locator(".fp-face.fp-hover")).to_have_attribute("data-face", "1")
    # when a box is clicked, its card is chosen, and the photograph enlarged around it
    marks.nth(0).locator("rect").click(position={"x": 4, "y": 60})
    expect(page.locator(".fp-card.fp-selected")).to_have_attribute("data-face", "0")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".fp-card.fp-selected")).to_have_attribute("data-face", "1")
    expect(page.locator(".fp-stage")).to_have_class("fp-stage fp-zoomed")
    page.keyboard.press("Escape")
    expect(page.locator(".fp-card.fp-selected")).to_have_count(0)
    expect(page.locator(".fp-stage")).to_have_class("fp-stage")
    # and the landmarks can be switched off
    page.keyboard.press("l")
    expect(page.locator(".fp-points").first).to_be_hidden()


def test_cards_are_sorted_and_filtered(page: Page, fake: FakeApi) -> None:
    page.goto(f"/?image={fake.add('two.jpg')}")
    order = "all => all.filter(one => !one.hidden).map(one => one.dataset.face)"
    cards = page.locator(".fp-card")
    expect(cards).to_have_count(2)
    assert cards.evaluate_all(order) == ["0", "1"]
    page.locator(".fp-sort").select_option("-size")
    assert cards.evaluate_all(order) == ["1", "0"]
    page.locator(".fp-reliable-only").check()
    assert cards.evaluate_all(order) == ["0"]


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


def test_a_face_is_corrected_and_what_was_said_taken_back(page: Page, fake: FakeApi) -> None:
    # given an image with two faces
    image_id = fake.add("two.jpg")
    page.goto(f"/?image={image_id}")
    first, second = page.locator(".fp-card").nth(0), page.locator(".fp-card").nth(1)
    # when the true age and gender of one are told, by keys alone
    first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("c")
    expect(page.get_by_label("True age")).to_be_focused()
    page.keyboard.type("41")
    page.get_by_label("True gender").select_option("male")
    page.get_by_label("True age").press("Enter")
    # then its card says so, beside what was estimated
    expect(first).to_contain_text("In truth: 41 years, male")
    expect(first).to_contain_text("28 years")
    # when the other one is said to be none, its card and its box look it
    second.get_by_role("button", name="Correct face 1").click()
    page.get_by_role("button", name="Not a face").click()
    expect(second).to_contain_text("You said: no face")
    expect(page.locator(".fp-face.fp-rejected")).to_have_attribute("data-face", "1")
    kinds = [one["kind"] for one in fake.corrections[image_id]]
    assert kinds == ["truth", "not_a_face"]
    # and it can be taken back
    second.get_by_role("button", name="Take back what was said of face 1").click()
    expect(page.locator(".fp-face.fp-rejected")).to_have_count(0)
    expect(second).not_to_contain_text("You said")


def test_a_missed_face_is_drawn_with_the_pointer(page: Page, fake: FakeApi) -> None:
    # given a photograph of 800 x 600 pixels in which a face was missed
    image_id = fake.add("two.jpg")
    page.goto(f"/?image={image_id}")
    expect(page.locator(".fp-card")).to_have_count(2)
    frame = page.locator(".fp-overlay").bounding_box()
    assert frame is not None
    unit = frame["width"] / 800
    # when a box is drawn around it
    page.get_by_role("button", name="Draw the box of a face").click()
    page.mouse.move(frame["x"] + 600 * unit, frame["y"] + 400 * unit)
    page.mouse.down()
    page.mouse.move(frame["x"] + 700 * unit, frame["y"] + 520 * unit, steps=4)
    page.mouse.up()
    # then it is a face like any other, which says that it was drawn
    expect(page.locator(".fp-card")).to_have_count(3)
    expect(page.locator(".fp-card").nth(2)).to_contain_text("drawn by hand")
    box = fake.corrections[image_id][0]["box"]
    wanted = {"x1": 600, "y1": 400, "x2": 700, "y2": 520}
    assert all(abs(box[name] - wanted[name]) <= 3 for name in wanted), box


def test_a_missed_face_is_drawn_with_keys(page: Page, fake: FakeApi) -> None:
    image_id = fake.add("two.jpg")
    page.goto(f"/?image={image_id}")
    expect(page.locator(".fp-card")).to_have_count(2)
    # when the drawing is begun and left, nothing is said
    page.keyboard.press("m")
    expect(page.locator(".fp-drawn")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".fp-drawn")).to_have_count(0)
    # when it is begun again, the box moved, made larger, and taken
    page.keyboard.press("m")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    # then it was told of
    expect(page.locator(".fp-card")).to_have_count(3)
    assert fake.corrections[image_id][0]["box"] == {"x1": 357, "y1": 225, "x2": 507, "y2": 391}


def test_keys_go_to_the_drawing_that_was_begun_last(page: Page, fake: FakeApi) -> None:
    # given a drawing that is left and begun again before the page does anything else
    image_id = fake.add("two.jpg")
    page.goto(f"/?image={image_id}")
    expect(page.locator(".fp-card")).to_have_count(2)
    page.evaluate(
        """() => { for (const key of ["m", "ArrowDown", "Escape", "m", "ArrowRight", "Enter"])
        document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true})); }"""
    )
    # then the second one has every key that came after
    expect(page.locator(".fp-card")).to_have_count(3)
    assert fake.corrections[image_id][0]["box"] == {"x1": 341, "y1": 225, "x2": 491, "y2": 375}


def test_why_a_correction_is_refused_stands_on_the_page(page: Page, fake: FakeApi) -> None:
    page.goto(f"/?image={fake.add('two.jpg')}")
    expect(page.locator(".fp-card")).to_have_count(2)
    said = {"kind": "missed_face", "box": {"x1": 1, "y1": 1, "x2": 801, "y2": 20}}
    page.evaluate("said => { window.fpSaid = JSON.stringify(said); }", said)
    page.locator("#do-correct").evaluate("button => button.click()")
    expect(page.locator("#image-view")).to_contain_text("the box lies outside")
    expect(page.locator(".fp-card")).to_have_count(2)


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


def test_an_image_is_erased_after_a_question(page: Page, fake: FakeApi) -> None:
    image_id = fake.add("a.jpg")
    page.goto(f"/?image={image_id}")
    page.get_by_role("button", name="Erase this image").click()
    page.get_by_role("button", name="Cancel").click()
    assert image_id in fake.images
    page.get_by_role("button", name="Erase this image").click()
    page.get_by_role("button", name="Erase", exact=True).click()
    expect(page.locator("#gallery")).to_contain_text("Nothing here yet")
    assert fake.images == {}


def test_a_bar_of_a_plot_leads_to_its_images(page: Page, fake: FakeApi) -> None:
    fake.add("a.jpg")
    page.goto("/?tab=plots")
    page.locator(".fp-plot a.fp-female").first.click()
    expect(page.locator(".fp-tile")).to_have_count(1)
    assert page.url.endswith("?tab=results&gender=female&min_age=20&max_age=24")


def test_280_faces_are_there_soon_and_can_be_chosen(page: Page, fake: FakeApi) -> None:
    # given a photograph of 280 faces
    image_id = fake.add("crowd.jpg", num_faces=280)
    fake.crowd = 280
    # when it is opened, then all cards are there
    page.goto(f"/?image={image_id}")
    expect(page.locator(".fp-card")).to_have_count(280)
    # and choosing a face costs what a person does not notice
    took_ms = page.evaluate(
        "() => { const from = performance.now();"
        " document.querySelector('.fp-card[data-face=\"250\"]').click();"
        " return performance.now() - from; }"
    )
    expect(page.locator(".fp-card.fp-selected")).to_be_in_viewport()
    assert took_ms < 5000  # some 20 where nothing else runs


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


def test_a_folder_is_sent_without_what_systems_leave_in_it(
    page: Page, fake: FakeApi, tmp_path: Path
) -> None:
    # given a folder with another one in it, and what no photograph is
    folder = tmp_path / "holiday"
    (folder / "inner").mkdir(parents=True)
    for name in ("a.jpg", "inner/b.jpg", ".DS_Store", "Thumbs.db"):
        (folder / name).write_bytes(portrait())
    page.goto("/")
    expect(page.locator("#upload input[type=file]")).to_be_attached()
    page.wait_for_load_state("networkidle")
    # when it is chosen
    page.get_by_label("Choose a folder").set_input_files(folder)
    # then its photographs are sent, those of inner folders too
    expect(page.locator(".fp-row[data-final]")).to_have_count(2)
    assert {image["image"]["file_name"] for image in fake.images.values()} == {"a.jpg", "b.jpg"}


_DROP = """(names) => {
  const file = (name) => ({ isFile: true, file: (then) => then(new File(["\xff\xd8"], name)) });
  const folder = (inner) => ({ isDirectory: true, createReader: () => {
    const batches = [inner, []];
    return { readEntries: (then) => then(batches.shift()) };
  } });
  const dropped = folder([file(names[0]), folder([file(names[1])])]);
  const event = new Event("drop", { bubbles: true, cancelable: true });
  const items = [{ webkitGetAsEntry: () => dropped }];
  Object.defineProperty(event, "dataTransfer", { value: { items, files: [] } });
  document.querySelector("#upload button").dispatchEvent(event);
}"""


def test_a_folder_can_be_dropped(page: Page, fake: FakeApi) -> None:
    page.goto("/")
    expect(page.locator("#upload input[type=file]")).to_be_attached()
    page.wait_for_load_state("networkidle")

    page.evaluate(_DROP, ["a.jpg", "b.jpg"])

    expect(page.locator(".fp-row[data-final]")).to_have_count(2)
    expect(page.locator(".fp-row")).to_contain_text(["a.jpg", "b.jpg"])


def test_plots_that_are_drawn_later_come_by_themselves(page: Page, fake: FakeApi) -> None:
    plots, fake.plots = fake.plots, []
    page.goto("/?tab=plots")
    expect(page.locator("#plots .fp-notice")).to_contain_text("no plots yet")

    fake.plots = plots

    expect(page.locator(".fp-plot")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
def test_title_tabs_and_content_have_one_left_edge(page: Page, fake: FakeApi, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    fake.add("a.jpg")
    page.goto("/?tab=results")
    expect(page.locator(".fp-tile")).to_be_visible()
    parts = ("#title h1", "#tabs [role=tab]", "#search", ".fp-tile")
    edges = {round((page.locator(part).first.bounding_box() or {"x": -1})["x"]) for part in parts}
    assert len(edges) == 1


def test_choosing_a_face_of_many_leaves_the_page_where_it_is(page: Page, fake: FakeApi) -> None:
    # given a crowd, and numbers of faces that can be read on a phone and on a desktop
    fake.crowd = 60
    page.goto(f"/?image={fake.add('a.jpg')}")
    cards = page.locator(".fp-card")
    expect(cards).to_have_count(60)
    # when one is chosen whose card is far down in the list
    page.locator(".fp-overlay [data-face='50'] .fp-box").click(force=True)
    # then the list goes there, and the page stays
    expect(cards.nth(50)).to_be_in_viewport()
    assert page.evaluate("document.scrollingElement.scrollTop") == 0


@pytest.mark.parametrize("width", [390, 1440])
def test_the_number_of_a_face_can_be_read(page: Page, fake: FakeApi, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/?image={fake.add('a.jpg')}")
    number = page.locator(".fp-face:not(.fp-tiny) .fp-number").first
    expect(number).to_be_visible()
    assert (number.bounding_box() or {"height": 0})["height"] >= 10


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
