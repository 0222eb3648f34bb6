"""`make screenshots`: pictures of the running page, of a stack of its own that it starts and ends.

It is sent the portrait of the demo and groups made of it, nothing else. Six pictures go into the
documentation; `--all` takes every state in every width and colour instead, to be looked at.
"""

from __future__ import annotations

import argparse
import io
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image, ImageEnhance, ImageOps
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.support.chromium import chromium
from tools.paths import ROOT
from tools.stack.demo import astronaut
from tools.stack_driver.local_stack import LocalStack

HEIGHT = 900
WIDTHS = (390, 820, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
READY_MS = 60_000
PAUSE_MS = 1500  # until pictures are decoded and bars have grown
QUALITY = 84
_HEAD = (120, 0, 330, 262)  # of the demo's portrait
_TILE = (260, 324)


class State(NamedTuple):
    """What is shown; `part` tells that it is there. `{name}` is the id of an image.

    `sent` are files that are uploaded first, while the workers rest.
    """

    query: str
    part: str
    sent: tuple[str, ...] = ()


STATES = {
    "upload": State("/", "#upload"),
    "progress": State("/", "#progress .fp-row", ("beach.jpg", "garden.jpg", "station.jpg")),
    "error": State("/", "#progress .fp-row[data-status=refused]", ("notes.jpg", "beach.jpg")),
    "results": State("/?tab=results", ".fp-tile"),
    "search": State("/?tab=results&min_faces=2&reliable=true", "#search"),
    "no-hit": State("/?tab=results&min_age=110", "#gallery .fp-notice"),
    "one": State("/?image={astronaut}", ".fp-card"),
    "team": State("/?image={team}", ".fp-card"),
    "face": State("/?image={team}&face=4", ".fp-card.fp-selected"),
    "crowd": State("/?image={crowd}", ".fp-card"),
    "nobody": State("/?image={wall}", ".fp-image"),
    "unknown": State("/?image=" + 64 * "0", "#image-view .fp-notice"),
    "plots": State("/?tab=plots", ".fp-plot"),
}
CHOSEN = (
    ("upload", 1440, "light"),
    ("results", 1440, "light"),
    ("team", 1440, "light"),
    ("face", 1440, "dark"),
    ("one", 390, "dark"),
    ("plots", 1440, "dark"),
)


def photographs() -> dict[str, bytes]:
    """The demo's portrait, groups made of it, and a wall without anybody."""
    with Image.open(astronaut()) as opened:
        portrait = opened.convert("RGB")
    found = {"astronaut": astronaut().read_bytes()}
    for name, rows, columns, scale in (("team", 3, 5, 1.0), ("crowd", 14, 20, 0.3)):
        found[name] = _jpeg(_group(portrait, rows, columns, scale))
    for number in range(7):
        found[f"portrait-{number + 1}"] = _jpeg(_varied(portrait, number))
    wall = Image.linear_gradient("L").resize((900, 600))
    found["wall"] = _jpeg(ImageOps.colorize(wall, "#8aa0b5", "#d8cfc2"))
    return found


def _group(portrait: Image.Image, rows: int, columns: int, scale: float) -> Image.Image:
    width, height = round(scale * _TILE[0]), round(scale * _TILE[1])
    group = Image.new("RGB", (columns * width, rows * height))
    for number in range(rows * columns):
        tile = _varied(portrait.crop(_HEAD), number).resize((width, height))
        group.paste(tile, (number % columns * width, number // columns * height))
    return group


def _varied(image: Image.Image, number: int) -> Image.Image:
    """Turned, mirrored, lit, nearer or further away: no two numbers alike."""
    image = image.rotate(number * 7 % 15 - 7, Image.Resampling.BICUBIC)
    edge = round(min(image.size) * (0.06 + number * 5 % 7 / 90))
    image = ImageOps.crop(image, edge)
    if number % 2:
        image = ImageOps.mirror(image)
    image = ImageEnhance.Brightness(image).enhance(0.75 + number * 3 % 8 / 16)
    return ImageEnhance.Color(image).enhance(0.2 + number * 11 % 9 / 8)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@contextmanager
def stack() -> Iterator[LocalStack]:
    """A stack of its own, with folders of its own."""
    with tempfile.TemporaryDirectory(prefix="facepipe-screenshots-") as folder:
        own = LocalStack.prepare(Path(folder))
        try:
            own.verb("start")
            yield own
        finally:
            own.verb("stop", check=False)


def filled(own: LocalStack) -> dict[str, str]:
    """Has the photographs analysed; their ids by name."""
    ids = {
        name: own.api.upload(data, f"{name}.jpg").image_id for name, data in photographs().items()
    }
    own.api.wait_all(list(ids.values()))
    return ids


def take(browser: Browser, own: LocalStack, state: State, width: int, scheme: Any) -> Image.Image:
    """A picture of the page in one state."""
    viewport: Any = {"width": width, "height": HEIGHT}
    page = browser.new_page(viewport=viewport, base_url=own.viewer, color_scheme=scheme)
    try:
        if state.sent:
            own.api.pause()
        _open(page, state)
        return Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    finally:
        page.close()
        if state.sent:
            own.api.resume()


def _open(page: Page, state: State) -> None:
    page.goto(state.query)
    if state.sent:
        page.wait_for_timeout(PAUSE_MS)
        page.set_input_files("#upload input[type=file]", [_file(name) for name in state.sent])
    expect(page.locator(state.part).first).to_be_visible(timeout=READY_MS)
    page.wait_for_timeout(PAUSE_MS)


def _file(name: str) -> FilePayload:
    """A photograph that was never sent before; the one called notes is none."""
    data = b"not a photograph" if name.startswith("notes") else astronaut().read_bytes()
    return {"name": name, "mimeType": "image/jpeg", "buffer": data + secrets.token_bytes(8)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--all", action="store_true", help="every state, width and colour, as PNG")
    asked = parser.parse_args()
    every = [(name, width, scheme) for name in STATES for width in WIDTHS for scheme in SCHEMES]
    asked.to.mkdir(parents=True, exist_ok=True)
    with stack() as own, chromium() as browser:
        ids = filled(own)
        for name, width, scheme in every if asked.all else CHOSEN:
            state = STATES[name]
            state = state._replace(query=state.query.format(**ids))
            picture = take(browser, own, state, width, scheme)
            path = asked.to / f"{name}-{width}-{scheme}.{'png' if asked.all else 'webp'}"
            picture.save(path, quality=QUALITY, method=6)
            print(f"wrote {path}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
