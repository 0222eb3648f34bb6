"""The page in a real browser."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.acceptance.conftest import Album, Fresh

EXPORTED_S = 6.0  # services send their spans and lines every few seconds


@pytest.fixture
def visit(page: Page, viewer: str) -> Iterator[Page]:
    """The page, just opened; whatever is done there, no script fails and nothing is foreign."""
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(viewer)
    yield page
    assert [url for url in requests if not url.startswith((viewer, "data:", "blob:"))] == []
    assert errors == []


def test_the_page_answers(viewer: str) -> None:
    with httpx.Client(base_url=viewer, timeout=60, trust_env=False) as client:
        page = client.get("/")
        assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (
            200,
            "text/html",
        )
        assert "Face analysis" in page.text
        assert client.get("/healthz").status_code == 200


def test_an_uploaded_photograph_shows_its_face(
    visit: Page, http: httpx.Client, fresh: Fresh, portraits: list[Path]
) -> None:
    # When a portrait is uploaded on a page that was just opened
    photograph = FilePayload(
        name="portrait.jpg", mimeType="image/jpeg", buffer=fresh(portraits[4].read_bytes())
    )
    visit.set_input_files("#upload input[type=file]", [photograph])

    # Then its result comes by itself: the face, its age and gender
    expect(visit.locator("#image-view svg.fp-overlay rect").first).to_be_visible()
    expect(visit.locator("#image-view .fp-name")).to_have_text("portrait.jpg")
    card = visit.locator("#faces .fp-card")
    expect(card).to_have_count(1)
    image_id = hashlib.sha256(photograph["buffer"]).hexdigest()
    (face,) = http.get(f"/v1/images/{image_id}/result").json()["faces"]
    expect(card).to_contain_text(str(face["agegender"]["age"]))
    expect(card).to_contain_text(face["agegender"]["gender"])
    visit.get_by_role("button", name="Trace").click()
    expect(visit.locator("#trace .fp-spanrow").first).to_be_visible()

    # And the page has nothing to warn of
    expect(visit.locator("#banner")).to_have_text("")


def test_the_gallery_leads_to_an_image(visit: Page, album: Album) -> None:
    # Given the gallery, which shows whatever there is until something is searched for
    visit.get_by_role("tab", name="Results").click()
    expect(visit.locator("#gallery .fp-tile").nth(1)).to_be_visible()
    visit.locator("#search-button").click()
    expect(visit.locator("#gallery .fp-tile").nth(1)).to_be_visible()
    visit.get_by_label("Number of faces from").fill("9")
    visit.locator("#search-button").click()
    expect(visit.locator(".fp-chip")).to_contain_text("faces from 9")
    portrait = visit.locator(f"#gallery [href='?image={album.portraits[-1]}']")
    expect(portrait).to_have_count(0)

    # When the group is opened
    tile = visit.locator(f"#gallery [href='?image={album.group}']")
    expect(tile.locator("img")).not_to_have_js_property("naturalWidth", 0)
    tile.click()

    # Then all nine faces are marked
    expect(visit.locator("#image-view svg.fp-overlay rect")).to_have_count(9)
    expect(visit.locator("#faces .fp-card")).to_have_count(9)


def test_a_trace_is_that_of_one_run(
    visit: Page, viewer: str, http: httpx.Client, fresh: Fresh, portraits: list[Path]
) -> None:
    # Given an image that was analysed
    data = fresh(portraits[6].read_bytes())
    (sent,) = http.post("/v1/images?wait=60", files={"files": ("one.jpg", data)}).json()["images"]
    path = f"/v1/images/{sent['image_id']}"
    before = _whole_trace(http, path)

    # When it is read, again and again, and sent once more
    for part in ("", "/result", "/source", "/annotated", "/thumbnail.jpg", "/trace"):
        assert http.get(f"{path}{part}").status_code == 200
    http.post("/v1/images?wait=60", files={"files": ("one.jpg", data)})
    visit.goto(f"{viewer}/?image={sent['image_id']}")
    expect(visit.locator(".fp-card")).to_be_visible()
    time.sleep(EXPORTED_S)
    visit.reload()
    visit.get_by_role("button", name="Trace").click()

    # Then the page shows the work of the one run, and no line of what was read
    expect(visit.locator("#trace .fp-spanrow")).to_have_count(len(before["spans"]))
    expect(visit.locator("#trace .fp-log tr")).to_have_count(len(before["logs"]))
    names = visit.locator("#trace .fp-spanrow b").all_inner_texts()
    assert sorted(names) == sorted(span["name"] for span in before["spans"])


def _whole_trace(http: httpx.Client, path: str) -> dict[str, Any]:
    """The trace of an image as soon as all services have told of it."""
    deadline = time.monotonic() + 60
    while True:
        time.sleep(EXPORTED_S)
        found: dict[str, Any] = http.get(f"{path}/trace").json()
        if "storage" in {span["name"] for span in found["spans"]}:
            return found
        assert time.monotonic() < deadline, found


@pytest.mark.usefixtures("album")
def test_the_plots_are_shown(visit: Page) -> None:
    visit.get_by_role("tab", name="Plots").click()

    expect(visit.locator("#plots .fp-plot .fp-female").first).to_be_visible()
