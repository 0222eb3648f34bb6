"""What a person without a mouse does, and what one hears who does not see the page."""

from __future__ import annotations

import pytest

from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import FilePayload, Page, expect

from .choosing import send

pytestmark = pytest.mark.filterwarnings("default")

_HERE = """() => {
  const here = document.activeElement;
  const style = getComputedStyle(here);
  return { name: here.ariaLabel || here.labels?.[0]?.innerText || here.innerText,
    is_seen: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
      || getComputedStyle(here.closest("label") ?? here).outlineStyle !== "none"
      || style.boxShadow !== "none" };
}"""


def _open(page: Page, address: str) -> None:
    """Opens a page and waits until its script is there, which takes the keys."""
    page.goto(address)
    page.wait_for_function("window.fpEarly === null")


def _walk(page: Page, steps: int) -> list[str]:
    """Presses Tab so many times; what has the focus after each, which must be seen to have it."""
    names = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        here = page.evaluate(_HERE)
        assert here["is_seen"], f"the focus on {here['name']!r} is not seen"
        names.append(" ".join(here["name"].split()))
    return names


def test_tab_leads_through_a_fresh_page_in_its_order_and_is_seen(page: Page) -> None:
    _open(page, "/")
    expect(page.get_by_role("button", name="Try it with this photograph")).to_be_visible()
    page.wait_for_load_state("networkidle")

    names = _walk(page, 8)

    assert names == [
        "Upload", "Results", "Image", "Plots", "Click to upload or drop files",
        "Choose a folder", "Take a photograph", "Try it with this photograph",
    ]  # fmt: skip


def test_arrow_keys_change_the_tab(page: Page, fake: FakeApi) -> None:
    fake.add("a.jpg")
    _open(page, "/")
    page.get_by_role("tab", name="Upload").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Results")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".fp-tile")).to_be_visible()
    assert page.url.endswith("?tab=results")


def test_a_search_is_filled_in_and_sent_by_keys(page: Page, fake: FakeApi) -> None:
    fake.add("a.jpg")
    _open(page, "/?tab=results")
    page.get_by_label("File name").focus()
    page.keyboard.type("a")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Gender", exact=True)).to_be_focused()
    page.keyboard.press("f")
    page.keyboard.press("Enter")
    page.get_by_label("File name").press("Enter")
    expect(page.locator(".fp-chip")).to_have_count(2)
    # and a chip is taken away, an image chosen with the space bar, and opened
    page.locator(".fp-chip").first.press("Enter")
    expect(page.locator(".fp-chip")).to_have_count(1)
    page.get_by_label("Choose a.jpg").press("Space")
    expect(page.locator(".fp-count")).to_have_text("1 chosen")
    page.locator(".fp-tile").press("Enter")
    expect(page.locator("#image-view .fp-name")).to_have_text("a.jpg")


def test_focus_stays_in_a_gallery_that_is_drawn_anew(page: Page, fake: FakeApi) -> None:
    fake.add("a.jpg")
    _open(page, "/?tab=results")
    page.get_by_label("Choose a.jpg").focus()
    # when new results come, which the page shows by itself
    fake.add("b.jpg")
    expect(page.locator(".fp-tile")).to_have_count(2)
    # then one is where one was
    expect(page.get_by_label("Choose a.jpg")).to_be_focused()
    page.locator(".fp-tile", has_text="a.jpg").focus()
    fake.add("c.jpg")
    expect(page.locator(".fp-tile")).to_have_count(3)
    expect(page.locator(".fp-tile", has_text="a.jpg")).to_be_focused()


def test_a_dialog_keeps_the_focus_and_gives_it_back(page: Page, fake: FakeApi) -> None:
    _open(page, f"/?image={fake.add('a.jpg')}")
    erase = page.get_by_role("button", name="Erase this image")
    erase.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Erase this image?")
    expect(dialog).to_be_visible()
    # the safe answer has the focus, and Tab stays inside
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    for key in ("Tab", "Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab"):
        page.keyboard.press(key)
        assert page.evaluate("!!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(erase).to_be_focused()
    assert len(fake.images) == 1


def test_a_face_is_chosen_moved_on_from_and_left_by_keys(page: Page, fake: FakeApi) -> None:
    _open(page, f"/?image={fake.add('two.jpg')}")
    first, second = page.locator(".fp-card").nth(0), page.locator(".fp-card").nth(1)
    first.focus()
    page.keyboard.press("Enter")
    expect(first).to_have_attribute("aria-current", "true")
    page.keyboard.press("ArrowDown")
    expect(second).to_be_focused()
    expect(second).to_have_attribute("aria-current", "true")
    page.keyboard.press("Escape")
    expect(page.locator("[aria-current=true]")).to_have_count(0)
    # and a correction, which draws the view anew, leaves the focus where it was
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("c")
    page.get_by_role("button", name="Not a face").press("Enter")
    expect(first).to_contain_text("You said: no face")
    expect(first).to_be_focused()


def test_what_happens_is_heard(page: Page) -> None:
    heard = page.locator("#said")
    _open(page, "/")
    # when two photographs are sent, and what is none
    send(page, "a.jpg", "b.jpg")
    expect(heard).to_contain_text("2 of 2 finished, 4 faces")
    none: FilePayload = {"name": "no.txt", "mimeType": "text/plain", "buffer": b"no"}
    page.set_input_files("#upload input[type=file]", [none])
    expect(heard).to_contain_text("no.txt refused: not an image of an accepted format")
    # and in the gallery how many there are, and how many are chosen
    page.get_by_role("tab", name="Results").click()
    expect(heard).to_contain_text("2 images")
    page.get_by_label("Choose a.jpg").check()
    expect(heard).to_contain_text("1 chosen")
    # then it is one place that stays, so that a screen reader reads what changes
    assert heard.get_attribute("role") == "status"
    heard.evaluate("region => { region.fpSame = true; }")
    page.locator(".fp-tile", has_text="a.jpg").click()
    expect(heard).to_contain_text("a.jpg. 2 faces")
    assert heard.evaluate("region => region.fpSame")


def test_an_error_is_heard_at_once(page: Page) -> None:
    _open(page, f"/?image={64 * '0'}")
    expect(page.get_by_role("alert")).to_contain_text("there is no such image")


def test_each_face_has_a_name_that_is_read(page: Page, fake: FakeApi) -> None:
    _open(page, f"/?image={fake.add('two.jpg')}")
    faces = page.get_by_role("list", name="Faces")
    expect(faces.get_by_role("listitem", name="Face 0: female, 98 %, 28 years")).to_be_visible()
    expect(faces.get_by_role("listitem", name="Face 1: ")).to_be_visible()
    expect(page.get_by_role("group", name="2 faces marked")).to_be_visible()
