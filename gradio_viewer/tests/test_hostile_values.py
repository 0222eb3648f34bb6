"""Whatever stands in a field, the page shows it as text: in a real browser, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import fake_documents, fake_input_api
from tests.support.chromium import chromium
from tests.support.fake_documents import portrait
from tests.support.fake_input_api import FakeApi, serving

pytest.importorskip("gradio")

from facepipe.system.settings import AddressSettings
from gradio_viewer.app import create_viewer_app
from gradio_viewer.settings import ViewerSettings

pytestmark = pytest.mark.filterwarnings("default")

# Breaks out of a text, an attribute, an SVG and a template; is marked by where it stands.
ATTACK = (
    "@{where}'\"><script>alert('{where}')</script><img src=x onerror=alert('{where}')>"
    "</title></text></svg><svg onload=alert('{where}')>${{alert(1)}}{{{{alert(1)}}}}"
    "<a href=javascript:alert(1)>x</a>\u202egpj.exe\x1b[2J\u2066\u200f\x00"
)
# What tells the page how to draw, and is no text: a status, a time, an id.
STRUCTURE = {
    "status",
    "image_id",
    "span_id",
    "parent_id",
    "time",
    "end",
    "received_at",
    "timestamp",
}
UNSEEN = "\u202e\u2066\u200f\x1b\x00"


def hostile(value: Any, where: str = "") -> Any:
    """The same document with an attack in each text of it."""
    if isinstance(value, dict):
        return {
            key: inner if key in STRUCTURE else hostile(inner, f"{where}.{key}")
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [hostile(inner, where) for inner in value]
    return ATTACK.format(where=where) if isinstance(value, str) else value


@pytest.fixture
def bad_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeApi, str]]:
    """An input API whose every text is an attack."""
    trace, document = fake_documents.trace_document, fake_documents.document

    def bad_trace(image_id: str) -> Any:
        found = trace(image_id)
        return {**hostile(found), "image_id": image_id}

    def bad_document(image_id: str) -> Any:
        found = document(image_id)
        found["faces"][1]["agegender_error"] = {"code": "x", "message": "it broke"}
        found["error"] = {"code": "x", "message": "a part is missing"}
        found["image"]["exif"] = {"Artist": "somebody", "UserComment": "a comment"}
        return hostile(found)

    monkeypatch.setattr(fake_input_api, "trace_document", bad_trace)
    monkeypatch.setattr(fake_input_api, "document", bad_document)
    fake = FakeApi()
    with serving(fake.app) as address:
        yield fake, address


@pytest.fixture
def page(
    bad_api: tuple[FakeApi, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    settings = ViewerSettings(address=AddressSettings(input=bad_api[1]))
    with serving(create_viewer_app(settings)) as viewer, chromium() as browser:
        page = browser.new_page(base_url=viewer)
        scripts: list[str] = []

        def note(dialog: Any) -> None:
            scripts.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", note)
        yield page
        assert scripts == []


def shown(page: Any, part: str) -> str:
    """The text of a part, once it is there; no element in it comes from an attack."""
    found = page.locator(part)
    page.wait_for_function(
        "part => document.querySelector(part)?.textContent.includes('@')", arg=part, timeout=60_000
    )
    bad = "script, [onerror], [onload], [href^='javascript:'], img[src='x']"
    assert found.locator(bad).count() == 0
    assert page.locator(f"body {bad.split(', ')[1]}").count() == 0
    text: str = found.evaluate("part => part.textContent")
    markup: str = found.evaluate("part => part.outerHTML")
    assert not set(UNSEEN) & set(text + markup)
    return text


def test_one_image_shows_every_field_as_text(page: Any, bad_api: tuple[FakeApi, str]) -> None:
    # given an image whose name, document and trace are attacks
    error = {"code": "x", "message": ATTACK.format(where="state.error")}
    image_id = bad_api[0].add(ATTACK.format(where="name"), "partial", error=error)
    bad_api[0].images[image_id]["image"]["format"] = ATTACK.format(where="format")
    # when it is looked at
    page.goto(f"/?image={image_id}")
    # then each is there, as it is and as nothing else
    view = shown(page, "#image-view")
    for where in ("@name", "@format", "@.error.message"):
        assert f"{where}'\"><script>" in view
    assert page.locator("#image-view img").count() == 1
    assert page.locator("#image-view svg").count() == 1
    assert "@.faces.agegender.gender'\"><script>" in view  # the label of a box
    cards = shown(page, "#faces")
    for where in ("gender", "reasons"):
        assert f"@.faces.agegender.{where}'\"><script>" in cards
    assert "@.faces.agegender_error.message'\"><script>" in cards
    page.get_by_role("button", name="Trace").click()
    trace = shown(page, "#trace")
    for where in ("spans.name", "spans.service", "logs.message", "logs.level", "logs.service"):
        assert f"@.{where}'\"><script>" in trace
    titles = page.locator("#trace [title]").evaluate_all("all => all.map(one => one.title)")
    assert any(title.startswith("@.spans.error'\"><script>") for title in titles)
    # and the document as well, with its EXIF texts
    page.locator("button.label-wrap", has_text="JSON").click()
    assert "@.image.exif.UserComment" in shown(page, "#result-json")


def test_lists_show_every_field_as_text(page: Any, bad_api: tuple[FakeApi, str]) -> None:
    # given results with such names
    for status in ("stored", "failed", "detecting"):
        bad_api[0].add(ATTACK.format(where=status), status)
    # when they are listed
    page.goto("/")
    page.get_by_role("tab", name="Results").click()
    # then their names are text, and shown safely
    text = shown(page, "#gallery")
    for status in ("stored", "failed", "detecting"):
        assert f"@{status}'\"><script>" in text
    assert "\\u202egpj.exe\\u001b[2J" in text
    assert page.locator("#gallery .fp-tile").count() == 3


def test_names_and_refusals_of_uploads_are_text(page: Any) -> None:
    # given photographs with such names, one of them refused
    page.goto("/")
    names = [ATTACK.format(where=name).replace("\x00", "").replace("/", "|") for name in "ab"]
    bodies = [portrait(), b"no image"]
    files = [
        {"name": name, "mimeType": "image/jpeg", "buffer": body}
        for name, body in zip(names, bodies, strict=True)
    ]
    # when they are uploaded
    page.set_input_files("#upload input[type=file]", files)
    page.locator("#progress").get_by_text("2 of 2 finished").wait_for(timeout=60_000)
    # then the rows show them as text
    text = shown(page, "#progress")
    assert "@a'" in text
    assert "@b'" in text
    assert "\\u202egpj.exe" in text


def test_plots_have_titles_of_text(page: Any, bad_api: tuple[FakeApi, str]) -> None:
    # given plots whose titles are attacks
    bad_api[0].plots = [{"name": "age_by_gender", "title": ATTACK.format(where="title")}]
    # when they are looked at
    page.goto("/")
    page.get_by_role("tab", name="Plots").click()
    # then the title is text
    assert "@title'\"><script>" in shown(page, "#plots")


def test_an_error_of_the_api_is_text(page: Any, bad_api: tuple[FakeApi, str]) -> None:
    bad_api[0].plots_down = ATTACK.format(where="detail")

    page.goto("/")
    page.get_by_role("tab", name="Plots").click()

    assert "@detail'\"><script>" in shown(page, "#plots")
