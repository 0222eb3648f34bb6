"""The page itself: health, files, and a walk through it in a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from facepipe.system.settings import AddressSettings
from tests.support.chromium import chromium
from tests.support.fake_documents import portrait
from tests.support.fake_input_api import FakeApi, serving

pytest.importorskip("gradio")

from gradio_viewer.app import create_viewer_app
from gradio_viewer.settings import ViewerSettings

HOSTILE = "${7*7} {{7*7}} <img src=x onerror=alert(1)>.jpg"
# Gradio and its server warn of their own ways; our code is held to the strict filter elsewhere.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The viewer's folder of uploads."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return tmp_path / "uploads"


@pytest.fixture
def viewer(address: str, uploads: Path) -> Iterator[str]:
    settings = ViewerSettings(address=AddressSettings(input=address))
    with serving(create_viewer_app(settings)) as viewer:
        yield viewer


@pytest.mark.usefixtures("uploads")
def test_a_viewer_without_its_api_is_not_ready(address: str) -> None:
    with serving(create_viewer_app(ViewerSettings(address=AddressSettings(input=address)))) as url:
        assert httpx.get(f"{url}/readyz").status_code == 200
    nobody = ViewerSettings(address=AddressSettings(input="http://127.0.0.1:9"))
    with serving(create_viewer_app(nobody)) as url:
        assert set(httpx.get(f"{url}/readyz").json()["checks"]) == {"input_api"}


def test_files_are_shown_upright_and_offered_for_download(viewer: str, fake: FakeApi) -> None:
    # given
    image_id = fake.add("a.jpg")
    with httpx.Client(base_url=viewer, timeout=20) as client:
        # when
        upright = client.get(f"/files/{image_id}/upright.jpg")
        thumbnail = client.get(f"/files/{image_id}/thumbnail.jpg")
        annotated = client.get(f"/files/{image_id}/annotated.jpg")
        # then
        assert client.get("/healthz").status_code == 200
        assert Image.open(io.BytesIO(upright.content)).size == (800, 600)
        assert Image.open(io.BytesIO(thumbnail.content)).size == (224, 224)
        assert annotated.headers["content-disposition"] == (
            "attachment; filename*=UTF-8''a%20annotated.jpg"
        )
        assert client.get("/files/../etc/upright.jpg").status_code == 404
        assert client.get("/files/xyz/upright.jpg").status_code == 400


@pytest.fixture
def page(viewer: str) -> Iterator[Any]:
    """The viewer's page in a browser of a phone's width."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.on("dialog", lambda dialog: pytest.fail(f"script ran: {dialog.message}"))
        page.goto(viewer)
        yield page


def test_walk_through_the_page(page: Any, viewer: str, tmp_path: Path) -> None:
    # given
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url))
    refused: list[str] = []
    page.on("response", lambda answer: refused.extend([answer.url] * (answer.status >= 400)))
    # when a file is uploaded
    photograph = {"name": HOSTILE, "mimeType": "image/jpeg", "buffer": portrait()}
    page.set_input_files("#upload input[type=file]", [photograph])
    # then its result comes by itself, under its name as it is
    page.locator("#image-view svg.fp-overlay rect").first.wait_for(timeout=30_000)
    page.get_by_role("button", name="Trace").click()
    page.locator("#trace .fp-spanrow").first.wait_for(timeout=30_000)
    assert page.locator("#image-view .fp-name").inner_text() == HOSTILE
    assert page.locator("#faces .fp-card").count() == 2
    # and boxes are switched off
    page.locator(".fp-boxes-on").uncheck()
    assert not page.locator("#image-view rect").first.is_visible()
    # and nothing is wider than the phone, and nothing comes from elsewhere
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("tab", name="Results").click()
    page.locator("#gallery .fp-tile").first.wait_for(timeout=30_000)
    page.get_by_role("tab", name="Plots").click()
    page.locator("#plots .fp-plot").first.wait_for(timeout=30_000)
    assert [url for url in foreign if not url.startswith((viewer, "data:", "blob:"))] == []
    # and all that the page asks for is open
    assert refused == []


def test_the_page_leaves_no_file_of_what_was_sent_and_seen(page: Any, uploads: Path) -> None:
    # given somebody who looks into the folder when the photograph is with the viewer
    found: list[Path] = []

    def look(route: Any) -> None:
        found.extend(path for path in uploads.rglob("*") if path.is_file())
        route.continue_()

    page.route("**/gradio_api/queue/join*", look)
    # when a photograph is sent
    photograph = {"name": "ottilie.jpg", "mimeType": "image/jpeg", "buffer": portrait()}
    page.set_input_files("#upload input[type=file]", [photograph])
    # and is looked at, and its files are downloaded
    page.locator("#image-view svg.fp-overlay rect").first.wait_for(timeout=30_000)
    page.unroute("**/gradio_api/queue/join*")
    for name in ("Original", "Annotated JPEG", "Result JSON"):
        page.locator(".fp-menu summary").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        page.locator(".fp-menu summary").click()
        assert download.value.path().stat().st_size
    page.get_by_role("tab", name="Plots").click()
    page.locator("#plots .fp-plot").first.wait_for(timeout=30_000)
    # then no file was there, and none is
    found.extend(path for path in uploads.rglob("*") if path.is_file())
    assert found == []
    # and the browser keeps nothing of what was done
    assert page.evaluate("indexedDB.databases().then(found => found.length)") == 0
