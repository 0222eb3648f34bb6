"""One image: its faces, their cards, and the keys."""

from __future__ import annotations

import pytest

from tests.support import fake_input_api
from tests.support.fake_documents import trace_document
from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Page, expect

pytestmark = pytest.mark.filterwarnings("default")


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


def test_the_menu_of_files_closes_by_escape_and_by_a_click_elsewhere(
    page: Page, fake: FakeApi
) -> None:
    # given its menu
    page.goto(f"/?image={fake.add('a.jpg')}")
    sidecar = page.get_by_role("link", name="XMP sidecar")
    page.get_by_text("Download", exact=True).click()
    with page.expect_download() as download:
        sidecar.click()
    assert download.value.suggested_filename == "a.jpg.xmp"
    page.get_by_text("Download", exact=True).click()
    # when one leaves it, then it closes, and by the key the focus is where it was
    for by_key in (True, False):
        page.get_by_text("Download", exact=True).click()
        expect(sidecar).to_be_visible()
        if by_key:
            page.keyboard.press("Escape")
        else:
            page.locator(".fp-name").click()
        expect(sidecar).to_be_hidden()


def test_a_trace_comes_also_where_it_is_opened_before_the_services_have_told(
    page: Page, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an image whose services have told nothing yet, as right after its result
    spans = 0

    def so_far(image_id: str) -> dict[str, object]:
        found = trace_document(image_id)
        return {**found, "spans": found["spans"][:spans], "logs": found["logs"] if spans else []}

    monkeypatch.setattr(fake_input_api, "trace_document", so_far)
    page.goto(f"/?image={fake.add('new.jpg')}")
    page.get_by_role("button", name="Trace").click()
    expect(page.locator("#trace")).to_contain_text("Nothing was logged")
    # when they tell, one after the other
    for spans in (1, 2):
        # then the trace is there, and grows
        expect(page.locator("#trace .fp-spanrow")).to_have_count(spans)


def test_a_trace_that_grows_does_not_follow_to_another_image(
    page: Page, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given one whose trace grows at each look, beside one that is complete
    fake.add("complete.jpg")
    growing = fake.add("growing.jpg")
    looks = 1

    def more_each_time(image_id: str) -> dict[str, object]:
        nonlocal looks
        looks += image_id == growing
        found = trace_document(image_id)
        line = found["logs"][0]
        logs = [line] * (looks if image_id == growing else 1)
        return {**found, "logs": logs}

    monkeypatch.setattr(fake_input_api, "trace_document", more_each_time)
    page.goto("/?tab=results")
    page.locator(".fp-tile", has_text="growing.jpg").click()
    page.get_by_role("button", name="Trace").click()
    lines = page.locator("#trace .fp-log time")
    expect(lines).not_to_have_count(0)
    # when one goes on to the other meanwhile
    page.keyboard.press("]")
    expect(page.locator("#image-view .fp-name")).to_have_text("complete.jpg")
    # then its trace stays
    expect(lines).to_have_count(1)
    page.wait_for_timeout(4500)
    expect(lines).to_have_count(1)
