"""Small, different images made from real photographs."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

from PIL import Image, ImageOps

from tools.stack.demo import astronaut
from tools.stack_driver.photos import data_folder, portrait_paths

_SHORTEST = 320
_QUALITY = 85


def photographs(count: int, shortest: int = _SHORTEST, seed: int = 0) -> Iterator[bytes]:
    """`count` JPEGs, no two alike: each photograph in so many sizes, in no order.

    The longer side of the smallest is `shortest` pixels, that of the next ones a pixel more
    each. Sizes are shuffled, so that memory cannot follow a trend in them.
    """
    sources = _sources()
    order = list(range(count))
    random.Random(seed).shuffle(order)
    for number in order:
        size, source = divmod(number, len(sources))
        yield _scaled(sources[source], shortest + size)


def _sources() -> list[Image.Image]:
    """The portraits of the test data, and those that have no face; else the one we bring along."""
    paths = [*portrait_paths(), *sorted((data_folder() / "photos" / "exif").glob("*.jpg"))]
    upright: list[Image.Image] = []
    for path in paths or [astronaut()]:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        image.thumbnail((1000, 1000))
        upright.append(image)
    return upright


def _scaled(image: Image.Image, side: int) -> bytes:
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    buffer = io.BytesIO()
    image.resize(size).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
