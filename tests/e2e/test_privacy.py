"""What is known of a person goes where it must, and nowhere after it was deleted."""

from __future__ import annotations

import io
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.support.local_stack import LocalStack

FILE_NAME = "ottilie-quendel-1957.jpg"
PLACE = "Hinterzarten 47.9"
_DESCRIPTION, _MAKE, _GPS, _COMMENT = 0x010E, 0x010F, 0x8825, 0x9286
# Everything is erased within a few seconds; this machine may be slow.
_PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def private_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that keeps no upload and shows no face."""
    stack = LocalStack.prepare(tmp_path_factory.mktemp("private"))
    stack.environment.update(
        FACEPIPE_STORAGE_KEEP_SOURCE="false",
        FACEPIPE_STORAGE_BLUR_FACES="true",
        FACEPIPE_STORAGE_SETTLE_EVERY_S="1",
        FACEPIPE_PLOTTER_MIN_INTERVAL_S="1",
        FACEPIPE_PLOTTER_WATCH_S="1",
    )
    try:
        stack.verb("start")
        stack.wait_ready()
        yield stack
    finally:
        stack.verb("stop", check=False)


def test_an_upload_leaves_what_was_asked_for_and_a_deleted_one_nothing(
    private_stack: LocalStack, portraits: list[Path]
) -> None:
    # Given a photograph whose EXIF data tell where it was taken and of whom
    stack = private_stack
    photo = _with_exif(portraits[3])
    image_id = _upload(stack, photo)
    state = stack.api.wait_final([image_id])[image_id]
    assert state["status"] == "stored"
    document = stack.api.result(image_id)
    annotated = stack.api.response(f"/v1/images/{image_id}/annotated").content

    # Then neither the JSON nor the annotated image has any of it
    _assert_no_metadata(annotated)
    assert PLACE not in str(document)
    assert "gps" not in str(document).lower()

    # And the upload is not kept, and the face shows no detail
    assert _status(stack, f"/v1/images/{image_id}/source") == 404
    assert not list((stack.volumes / "saved_data" / "source").glob("[0-9a-f]*"))
    assert _detail(annotated, document["faces"][0]) < 0.2 * _detail(photo, document["faces"][0])

    # When the image is deleted after it has been seen everywhere
    _wait_until(lambda: stack.api.get("/v1/stats")["stored"] == 1)
    _wait_until(lambda: any(stack.api.get("/v1/plots").values()))
    assert stack.api.get(f"/v1/images/{image_id}/trace")["spans"]
    assert _files_with(stack.volumes, image_id[:12])
    assert _files_with(stack.volumes, FILE_NAME)
    answer = httpx.delete(f"{stack.api.address}/v1/images/{image_id}", timeout=20, trust_env=False)
    assert answer.status_code == 204

    # Then no volume has its name, its id or its pixels; a tombstone remembers the id alone
    index = {"index.sqlite3", "index.sqlite3-wal"}
    _wait_until(
        lambda: (
            not _files_with(stack.volumes, FILE_NAME)
            and _files_with(stack.volumes, image_id[:12]) <= index
        )
    )
    assert _files_with(stack.volumes, PLACE) == set()
    assert _status(stack, f"/v1/images/{image_id}/result") == 410
    assert stack.api.get("/v1/stats")["deleted"] == 1


def test_the_page_keeps_nothing_of_what_was_sent_and_seen_through_it(
    private_stack: LocalStack, portraits: list[Path], page: Page
) -> None:
    # Given a page, and its own folder, which nobody else may enter
    stack, uploads = private_stack, private_stack.run_folder / "uploads"
    photo = _with_exif(portraits[5])
    assert stat.S_IMODE(uploads.stat().st_mode) == 0o700
    page.goto(stack.viewer)

    # When a photograph is chosen, it is never in that folder
    def look(route: Route) -> None:
        seen.append(_files_with(uploads, PLACE))
        route.continue_()

    seen: list[set[str]] = []
    page.route("**/gradio_api/queue/join*", look)
    photograph = FilePayload(name=FILE_NAME, mimeType="image/jpeg", buffer=photo)
    page.set_input_files("#upload input[type=file]", [photograph])
    link = page.locator("#progress .fp-row[data-status=stored] a")
    expect(link).to_be_visible()
    assert seen
    assert not any(seen)
    page.unroute("**/gradio_api/queue/join*")

    # And it is looked at in every way, its files are downloaded, and it is deleted
    image_id = str(link.get_attribute("href")).rpartition("=")[2]
    link.click()
    expect(page.locator("#image-view svg.fp-overlay")).to_be_visible()
    for name in ("Annotated JPEG", "Result JSON"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.path().stat().st_size
    for tab, shown in (("Results", "#gallery .fp-tile"), ("Plots", "#plots")):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(shown).first).to_be_visible()
    answer = httpx.delete(f"{stack.api.address}/v1/images/{image_id}", timeout=20, trust_env=False)
    assert answer.status_code == 204

    # Then the folder is as empty as before, and nothing beside the volumes has a trace of it
    assert [path for path in uploads.rglob("*") if path.is_file()] == []
    assert _files_with(stack.run_folder, FILE_NAME) | _files_with(stack.run_folder, PLACE) == set()
    # And within the volumes nothing remains but the tombstone
    index = {"index.sqlite3", "index.sqlite3-wal"}
    _wait_until(
        lambda: (
            not _files_with(stack.volumes, FILE_NAME)
            and _files_with(stack.volumes, image_id[:12]) <= index
        )
    )


def _with_exif(path: Path) -> bytes:
    exif = Image.Exif()
    exif[_DESCRIPTION] = exif[_MAKE] = exif[_COMMENT] = PLACE
    degrees = tuple(TiffImagePlugin.IFDRational(n) for n in (47, 54, 12))
    exif.get_ifd(_GPS).update({1: "N", 2: degrees, 3: "E", 4: degrees, 27: PLACE.encode()})
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=92, exif=exif, comment=PLACE.encode())
    data = buffer.getvalue()
    assert PLACE.encode() in data
    return data


def _upload(stack: LocalStack, photo: bytes) -> str:
    answer = httpx.post(
        f"{stack.api.address}/v1/images",
        files={"files": (FILE_NAME, photo)},
        timeout=60,
        trust_env=False,
    ).raise_for_status()
    image_id: str = answer.json()["images"][0]["image_id"]
    return image_id


def _status(stack: LocalStack, path: str) -> int:
    return httpx.get(f"{stack.api.address}{path}", timeout=20, trust_env=False).status_code


def _assert_no_metadata(jpeg: bytes) -> None:
    assert PLACE.encode() not in jpeg
    assert b"Exif" not in jpeg
    with Image.open(io.BytesIO(jpeg)) as image:
        assert dict(image.getexif()) == {}
        assert not {"comment", "exif", "icc_profile"} & image.info.keys()


def _detail(jpeg: bytes, face: dict[str, Any]) -> float:
    """How much neighbouring pixels differ in the middle of a face."""
    box = face["box"]
    inset = (box["x2"] - box["x1"]) // 5
    with Image.open(io.BytesIO(jpeg)) as image:
        middle = image.convert("L").crop(
            (box["x1"] + inset, box["y1"] + inset, box["x2"] - inset, box["y2"] - inset)
        )
        return float(np.abs(np.diff(np.asarray(middle).astype(int), axis=1)).mean())


def _files_with(root: Path, text: str) -> set[str]:
    """Names of the files that have the text in their path or their bytes."""
    found: set[str] = set()
    for path in root.rglob("*"):
        try:
            if path.is_file() and (text in str(path) or text.encode() in path.read_bytes()):
                found.add(path.name)
        except FileNotFoundError:  # renamed or removed while one looks
            continue
    return found


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)
