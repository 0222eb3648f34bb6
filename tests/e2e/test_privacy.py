"""What is kept of a person where less was asked for, and what the page keeps: nothing."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from facepipe_client import Box, NotFoundError
from tests.support.traces import FILE_NAME, PLACE, files_with, wait_until_erased, with_exif
from tools.stack_driver.api import analyse
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.photos import resized


@pytest.fixture(scope="module")
def private_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that keeps no upload and shows no face."""
    stack = LocalStack.prepare(tmp_path_factory.mktemp("private"))
    stack.environment.update(
        FACEPIPE_STORAGE_KEEP_SOURCE="false",
        FACEPIPE_STORAGE_BLUR_FACES="true",
        FACEPIPE_STORAGE_SETTLE_EVERY_S="1",
    )
    try:
        stack.verb("start")
        stack.wait_ready()
        yield stack
    finally:
        stack.verb("stop", check=False)


def test_no_upload_is_kept_and_no_face_shown_where_that_was_asked_for(
    private_stack: LocalStack, portraits: list[Path]
) -> None:
    # Given a result
    stack = private_stack
    photo = resized(portraits[3], 900)
    result = analyse(stack.api, photo)
    image_id = result.image.sha256

    # Then the upload is nowhere
    with pytest.raises(NotFoundError):
        stack.api.file(image_id, "source")
    assert not list((stack.volumes / "saved_data" / "source").glob("[0-9a-f]*"))

    # And the face in the annotated image shows no detail
    annotated = stack.api.file(image_id, "annotated")
    (face,) = result.faces
    assert _detail(annotated, face.box) < 0.2 * _detail(photo, face.box)


def test_the_page_keeps_nothing_of_what_was_sent_and_seen_through_it(
    private_stack: LocalStack, portraits: list[Path], page: Page
) -> None:
    # Given a page, and its own folder, which nobody else may enter
    stack, uploads = private_stack, private_stack.run_folder / "uploads"
    photo = with_exif(portraits[5])
    assert stat.S_IMODE(uploads.stat().st_mode) == 0o700
    page.goto(stack.viewer)

    # When a photograph is chosen, it is never in that folder
    def look(route: Route) -> None:
        seen.append(files_with(uploads, PLACE))
        route.continue_()

    seen: list[set[str]] = []
    page.route("**/gradio_api/queue/join*", look)
    photograph = FilePayload(name=FILE_NAME, mimeType="image/jpeg", buffer=photo)
    page.set_input_files("#upload input[type=file]", [photograph])
    expect(page.locator("#image-view svg.fp-overlay")).to_be_visible()
    assert seen
    assert not any(seen)
    page.unroute("**/gradio_api/queue/join*")

    # And it is looked at in every way, its files are downloaded, and it is deleted
    image_id = page.url.rpartition("image=")[2]
    for name in ("Annotated JPEG", "Result JSON"):
        if not page.get_by_role("link", name=name).is_visible():
            page.locator("#image-view .fp-menu summary").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.path().stat().st_size
    for tab, shown in (("Results", "#gallery .fp-tile"), ("Plots", "#plots")):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(shown).first).to_be_visible()
    stack.api.delete(image_id)

    # Then the folder is as empty as before, and nothing beside the volumes has a trace of it
    assert [path for path in uploads.rglob("*") if path.is_file()] == []
    assert files_with(stack.run_folder, FILE_NAME) | files_with(stack.run_folder, PLACE) == set()
    # And within the volumes nothing remains but the tombstone
    wait_until_erased(stack.volumes, image_id)


def _detail(jpeg: bytes, box: Box) -> float:
    """How much neighbouring pixels differ in the middle of a face."""
    inset = (box.x2 - box.x1) // 5
    with Image.open(io.BytesIO(jpeg)) as image:
        middle = image.convert("L").crop(
            (box.x1 + inset, box.y1 + inset, box.x2 - inset, box.y2 - inset)
        )
        return float(np.abs(np.diff(np.asarray(middle).astype(int), axis=1)).mean())
