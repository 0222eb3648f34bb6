"""Correcting a result, with the pointer and with keys."""

from __future__ import annotations

import pytest

from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Page, expect

pytestmark = pytest.mark.filterwarnings("default")


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


def test_a_second_face_is_drawn_where_there_was_one(page: Page, fake: FakeApi) -> None:
    # given an image of one face, which has no list to sort
    fake.crowd = 1
    page.goto(f"/?image={fake.add('one.jpg')}")
    expect(page.locator(".fp-card")).to_have_count(1)
    # when another one is drawn, and the page around it is made anew
    page.keyboard.press("m")
    page.keyboard.press("Enter")
    expect(page.locator(".fp-card")).to_have_count(2)
    # then keys go on from there, and (as in each of these tests) no script has failed
    page.keyboard.press("ArrowRight")
    expect(page.locator(".fp-card.fp-selected")).to_have_count(1)
