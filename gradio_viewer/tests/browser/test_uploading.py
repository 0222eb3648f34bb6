"""Sending photographs from a page that was just opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fake_documents import portrait
from tests.support.fake_input_api import FakeApi

pytest.importorskip("gradio")

from playwright.sync_api import Page, Route, expect

from .choosing import send

pytestmark = pytest.mark.filterwarnings("default")

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


def test_the_field_takes_more_while_a_batch_is_in_work(page: Page, fake: FakeApi) -> None:
    # given a batch that takes its time
    fake.step_s = 1.0
    page.goto("/")
    send(page, "a.jpg", "b.jpg")
    expect(page.locator("#progress .fp-sum")).to_have_text("0 of 2 finished")
    # then the field is empty, and takes others meanwhile
    expect(page.locator("#upload .file-preview")).to_have_count(0)
    expect(page.get_by_role("button", name="Click to upload")).to_be_visible()
    send(page, "c.jpg")
    expect(page.locator("#progress .fp-row")).to_have_count(3)
    # and all of them are followed to their end
    expect(page.locator("#progress .fp-row[data-status=stored]")).to_have_count(3)


def test_a_fresh_page_tells_what_may_be_sent(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#limits")).to_contain_text("each up to 50 MB and 250 megapixels")
    expect(page.locator("#ways")).to_contain_text("Choose a folder")


def test_after_one_photograph_its_result_comes_and_after_many_their_list(page: Page) -> None:
    page.goto("/")
    send(page, "a.jpg", "b.jpg")
    expect(page.locator("#progress")).to_contain_text("2 of 2 finished, 4 faces")
    page.wait_for_load_state("networkidle")  # the field is ready for more
    send(page, "alone.jpg")
    expect(page.locator("#image-view .fp-name")).to_have_text("alone.jpg")
    # and the page is as ready for the next one as it was for the first
    page.get_by_role("tab", name="Upload").click()
    expect(page.locator("#upload")).to_contain_text("Drop photographs")
    expect(page.locator("#upload")).not_to_contain_text("Error")


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


def test_a_folder_can_be_dropped(page: Page, fake: FakeApi) -> None:
    page.goto("/")
    expect(page.locator("#upload input[type=file]")).to_be_attached()
    page.wait_for_load_state("networkidle")

    page.evaluate(_DROP, ["a.jpg", "b.jpg"])

    expect(page.locator(".fp-row[data-final]")).to_have_count(2)
    expect(page.locator(".fp-row")).to_contain_text(["a.jpg", "b.jpg"])


def test_the_photograph_that_the_page_brings_shows_its_result(page: Page, fake: FakeApi) -> None:
    # given a fresh page, and every address that it asks for
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    sample = page.get_by_role("button", name="Try it with this photograph")
    assert sample.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)")
    # when it is tried, by keys alone
    sample.focus()
    page.keyboard.press("Enter")
    # then its result comes, as that of any other
    expect(page.locator("#image-view .fp-name")).to_have_text("astronaut.png")
    assert [image["image"]["file_name"] for image in fake.images.values()] == ["astronaut.png"]
    # and nothing came from elsewhere
    origin = page.evaluate("location.origin")
    assert all(url.startswith((origin, "blob:", "data:")) for url in asked), asked


def test_what_is_pressed_before_the_script_came_is_done_as_well(page: Page, fake: FakeApi) -> None:
    # given a slow line, on which the page's script comes last
    held: list[Route] = []
    page.route("**/page/main.js", lambda route: held.append(route))
    page.goto("/")
    page.get_by_role("button", name="Try it with this photograph").click()
    assert fake.images == {}
    for route in held:
        route.continue_()
    expect(page.locator("#image-view .fp-name")).to_have_text("astronaut.png")
    assert len(fake.images) == 1


def test_the_camera_of_a_phone_is_asked_for_a_photograph(page: Page, fake: FakeApi) -> None:
    page.goto("/")
    page.wait_for_load_state("networkidle")
    camera = page.get_by_label("Take a photograph")
    # on a phone, this opens the camera itself
    assert camera.get_attribute("capture") == "environment"
    assert camera.get_attribute("accept") == "image/*"
    taken = {"name": "image.jpg", "mimeType": "image/jpeg", "buffer": portrait()}
    camera.set_input_files(taken)  # type: ignore[arg-type]  # a dict is one
    expect(page.locator("#image-view .fp-name")).to_have_text("image.jpg")
    # and the same one can be taken again
    page.get_by_role("tab", name="Upload").click()
    camera.set_input_files(taken)  # type: ignore[arg-type]  # a dict is one
    expect(page.locator("#image-view .fp-name")).to_have_text("image.jpg")
